//! The chunks of a running call as lane events (atp.md 22.2 and 22.3).

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use atp_actors::adapter::{LaneEvent, LaneStream, Metered};
use atp_protocol::adapter::UsageSource;
use atp_protocol::error::{Code, Fault};
use atp_protocol::estimate::{Counters, UsageMeter};
use futures_util::stream;
use tokio::time::{Sleep, sleep};
use tonic::Streaming;

use super::refusal::Refusal;
use super::v1::StreamChunk;
use crate::chunk::{self, Chunk};

/// The time bounds of one call, running since it began.
pub(super) struct Timers {
    /// The call's own.
    deadline: Pin<Box<Sleep>>,
    /// For the next chunk.
    patience: Pin<Box<Sleep>>,
    between_chunks: Duration,
}

impl Timers {
    pub(super) fn start(deadline: Duration, first_chunk: Duration, between_chunks: Duration) -> Self {
        Self {
            deadline: Box::pin(sleep(deadline)),
            patience: Box::pin(sleep(first_chunk)),
            between_chunks,
        }
    }

    /// What `wait` yields, unless time runs out first.
    pub(super) async fn bound<T>(
        &mut self,
        refusal: &Refusal,
        wait: impl Future<Output = T>,
    ) -> Result<T, Fault> {
        tokio::select! {
            biased;
            output = wait => Ok(output),
            () = &mut self.deadline => Err(refusal.late("the request's deadline passed")),
            () = &mut self.patience => Err(refusal.late("said nothing for too long")),
        }
    }

    fn chunk_came(&mut self) {
        self.patience.set(sleep(self.between_chunks));
    }
}

/// The events of a call that the adapter has accepted.
pub(super) fn events(
    chunks: Streaming<StreamChunk>,
    meter: UsageMeter,
    timers: Timers,
    refusal: Refusal,
) -> LaneStream {
    let answer = Answer {
        chunks: Some(chunks),
        meter,
        has_usage: false,
        timers,
        refusal,
        ready: VecDeque::new(),
    };
    Box::pin(stream::unfold(answer, |mut answer| async move {
        let event = answer.next().await?;
        Some((event, answer))
    }))
}

struct Answer {
    /// `None` once the answer is over; dropping it resets the RPC, so that nothing after the end is read.
    chunks: Option<Streaming<StreamChunk>>,
    meter: UsageMeter,
    /// Whether any chunk has counted anything.
    has_usage: bool,
    timers: Timers,
    refusal: Refusal,
    ready: VecDeque<LaneEvent>,
}

impl Answer {
    async fn next(&mut self) -> Option<Result<LaneEvent, Fault>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            let read = self.read().await?;
            if let Err(fault) = read {
                self.chunks = None;
                return Some(Err(fault));
            }
        }
    }

    /// Turns one more chunk into events that are ready; `None` when the answer is over.
    async fn read(&mut self) -> Option<Result<(), Fault>> {
        let chunks = self.chunks.as_mut()?;
        let message = match self.timers.bound(&self.refusal, chunks.message()).await {
            Ok(message) => message,
            Err(late) => return Some(Err(late)),
        };
        Some(match message {
            Ok(Some(chunk)) => self.take(&chunk),
            Ok(None) => Err(self
                .refusal
                .fault(Code::Adapter, "ended without a final; its answer is not complete")),
            Err(status) => Err(self.refusal.status(&status)),
        })
    }

    fn take(&mut self, chunk: &StreamChunk) -> Result<(), Fault> {
        self.timers.chunk_came();
        let was_suspect = self.meter.is_suspect();
        let usage = self.count(chunk);
        if self.meter.is_suspect() && !was_suspect {
            self.ready.push_back(LaneEvent::Log {
                level: "warn".to_owned(),
                text: format!(
                    "usage_suspect: {} seems to send running totals as increments; declare usage_mode cumulative",
                    self.refusal.0
                ),
            });
        }
        let events = Chunk {
            name: &chunk.r#type,
            content: chunk::content(&chunk.content_json),
            confidence: (chunk.confidence != 0.0).then_some(chunk.confidence),
            usage,
        }
        .events()
        .map_err(|fault| Fault {
            detail: format!("{}: {}", self.refusal.0, fault.detail).into(),
            ..fault
        })?;
        if matches!(events.last(), Some(LaneEvent::Final(_))) {
            self.chunks = None;
        }
        self.ready.extend(events);
        Ok(())
    }

    fn count(&mut self, chunk: &StreamChunk) -> Option<Metered> {
        let counters = Counters {
            in_tokens: chunk.partial_in_tokens,
            out_tokens: chunk.partial_out_tokens,
            usd_micros: chunk.partial_usd_micros,
        };
        self.has_usage |= counters != Counters::default();
        let sum = self.meter.push(counters);
        self.has_usage.then_some(Metered {
            in_tokens: sum.in_tokens,
            out_tokens: sum.out_tokens,
            // An adapter that counts no money leaves it to the price table.
            usd_micros: (sum.usd_micros != 0).then_some(sum.usd_micros),
            source: UsageSource::Reported,
        })
    }
}
