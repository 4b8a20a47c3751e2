//! `replay.local`: plays a recorded stream with its timing.
//!
//! The recording is JSON Lines, one chunk a line: `{"at_ms": 120, "event": {"type": "agent.result.partial",
//! "content": {"text": "…"}, "confidence": 0.8, "usage": {"in_tokens": 5, "out_tokens": 2, "usd_micros": 0}}}`, times from
//! the start of the call and not falling, types and contents those of atp.md 7.2, usage the running total. It comes from
//! the operator, else from the text of the request itself.
//!
//! A recording that ends without a final or an error ends the lane with `EADAPTER`, as an agent that does so would.
//! **Bounds.** [`MAX_CHUNKS`](recording::MAX_CHUNKS) chunks, [`MAX_SPAN_MS`](recording::MAX_SPAN_MS) long; the text as
//! everywhere. Dropping the stream ends the play.

mod recording;

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use atp_actors::adapter::{Adapter, AdapterFactory, Call, LaneEvent, LaneStream};
use atp_protocol::adapter::{Capability, Health};
use atp_protocol::error::{Code, Fault, Scope};
use atp_protocol::estimate::Estimate;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};
use futures_util::stream;

use super::task::tokens;
use super::{capability, material};

pub use recording::{Recording, RecordingError};

/// Waits so many milliseconds; the seam through which time passes.
pub type Sleep = Arc<dyn Fn(u64) -> LocalBoxFuture<'static, ()> + Send + Sync>;

/// Builds players.
#[derive(Clone)]
pub struct Replay {
    capability: Arc<Capability>,
    recording: Option<Arc<Recording>>,
    sleep: Sleep,
}

impl Replay {
    /// `replay.local`, which plays what the request holds.
    #[must_use]
    pub fn of_requests(sleep: Sleep) -> Self {
        Self {
            capability: Arc::new(capability("replay.local", &["replay"])),
            recording: None,
            sleep,
        }
    }

    /// An adapter that plays one recording whatever it is asked.
    #[must_use]
    pub fn of_recording(capability: Arc<Capability>, recording: Arc<Recording>, sleep: Sleep) -> Self {
        Self {
            capability,
            recording: Some(recording),
            sleep,
        }
    }

    fn recording(&self, call: &Call) -> Result<Arc<Recording>, Fault> {
        if let Some(recording) = &self.recording {
            return Ok(recording.clone());
        }
        let text = material::text(&call.request.content)?;
        let recording = Recording::read(&text)
            .map_err(|error| Fault::new(Code::BadInput, format!("recording: {error}")).scoped(Scope::Lane))?;
        Ok(Arc::new(recording))
    }
}

impl AdapterFactory for Replay {
    fn build(&self) -> Rc<dyn Adapter> {
        Rc::new(self.clone())
    }
}

impl Adapter for Replay {
    fn capability(&self) -> Arc<Capability> {
        self.capability.clone()
    }

    fn estimate(&self, call: &Call) -> LocalBoxFuture<'static, Result<Estimate, Fault>> {
        let in_tokens = tokens(call.request.content.text_bytes());
        let estimate = self.recording(call).map(|recording| match recording.usage() {
            Some(usage) => Estimate {
                in_tokens: usage.in_tokens,
                out_tokens: usage.out_tokens,
                usd_micros: usage.usd_micros.unwrap_or(0),
                confidence: Some(1.0),
                ..Estimate::default()
            },
            None => Estimate {
                in_tokens,
                out_tokens: tokens(recording.text_bytes()),
                confidence: Some(1.0),
                assumptions: vec!["one token is four bytes, rounded up".to_owned()],
                ..Estimate::default()
            },
        });
        ready(estimate).boxed_local()
    }

    fn stream(&self, call: Call) -> LocalBoxFuture<'static, Result<LaneStream, Fault>> {
        let play = self.recording(&call).map(|recording| {
            let player = Player {
                recording,
                sleep: self.sleep.clone(),
                next: 0,
                now_ms: 0,
                ready: VecDeque::new(),
                is_over: false,
            };
            Box::pin(stream::unfold(player, |mut player| async move {
                let event = player.next().await?;
                Some((event, player))
            })) as LaneStream
        });
        ready(play).boxed_local()
    }

    fn health(&self) -> LocalBoxFuture<'static, Result<Health, Fault>> {
        ready(Ok(Health::HEALTHY)).boxed_local()
    }
}

/// One recording being played.
struct Player {
    recording: Arc<Recording>,
    sleep: Sleep,
    /// Chunks played.
    next: usize,
    /// Time played.
    now_ms: u64,
    /// Events of the chunk at hand.
    ready: VecDeque<LaneEvent>,
    is_over: bool,
}

impl Player {
    async fn next(&mut self) -> Option<Result<LaneEvent, Fault>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.is_over |= matches!(event, LaneEvent::Final(_));
                return Some(Ok(event));
            }
            if self.is_over {
                return None;
            }
            let Some((at_ms, chunk)) = self.recording.chunk(self.next) else {
                self.is_over = true;
                let detail = "the recording ends without a final; add one";
                return Some(Err(Fault::new(Code::Adapter, detail)
                    .scoped(Scope::Lane)
                    .terminal()));
            };
            if at_ms > self.now_ms {
                (self.sleep)(at_ms - self.now_ms).await;
                self.now_ms = at_ms;
            }
            self.next += 1;
            match chunk.events() {
                Ok(events) => self.ready.extend(events),
                Err(fault) => {
                    self.is_over = true;
                    return Some(Err(fault));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
