//! The stream of a call's events, whatever the protocol.

use std::collections::VecDeque;

use atp_actors::adapter::{LaneEvent, LaneFinal, LaneStream, Metered, Partial};
use atp_protocol::error::{Code, Fault};
use bytes::Bytes;

use super::feed::Feed;
use super::refusal::Refusal;
use super::sse::{self, Event, Splitter};

/// What to do with an event that is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Pass it on; it holds about so many output tokens.
    Forward(u32),
    /// Keep it from the client.
    Withhold,
    /// Pass it on and nothing after it.
    Last,
}

/// Looks at a stream as it passes.
pub(super) trait Observe {
    /// An event, in order. An error ends the call; the event is not passed on.
    fn event(&mut self, event: &Event<'_>) -> Result<Verdict, Fault>;
    /// The provider's count so far.
    fn usage(&self) -> Option<Metered>;
    /// The bytes are over. An error if the stream cannot have been complete.
    fn end(&mut self) -> Result<LaneFinal, Fault>;
}

/// Reads a stream for its content.
pub(super) trait Read {
    /// An event, in order; `true` for the last one.
    fn event(&mut self, event: &Event<'_>, out: &mut Partial) -> Result<bool, Fault>;
    /// As [`Observe::end`].
    fn end(&mut self) -> Result<LaneFinal, Fault>;
}

/// What is done with a stream.
pub(super) enum Listener {
    Forward(Box<dyn Observe>),
    Read(Box<dyn Read>),
}

/// Makes a result of an answer in one piece; `None` if it is not one.
pub(super) type ReadWhole = fn(Bytes) -> Option<LaneFinal>;

/// The events of an answer in one piece of at most `limit` bytes: its final.
pub(super) fn whole(feed: Feed, limit: usize, read: ReadWhole, refusal: Refusal) -> LaneStream {
    let answer = async move {
        let mut feed = feed;
        let body = feed.whole(limit).await?;
        let end = read(body.clone()).ok_or_else(|| refusal.body(&body))?;
        Ok(LaneEvent::Final(Box::new(end)))
    };
    Box::pin(futures_util::stream::once(answer))
}

/// The events of a streamed answer. Whole events leave at a time, in the pieces in which they came.
pub(super) fn streamed(feed: Feed, max_event: usize, listener: Listener, refusal: Refusal) -> LaneStream {
    let run = Run {
        feed,
        splitter: Splitter::new(max_event),
        listener,
        refusal,
        // A piece is one event, as a rule.
        ready: VecDeque::with_capacity(1),
        phase: Phase::Running,
    };
    Box::pin(futures_util::stream::unfold(run, |mut run| async move {
        let event = run.next().await?;
        Some((event, run))
    }))
}

struct Run {
    feed: Feed,
    splitter: Splitter,
    listener: Listener,
    refusal: Refusal,
    ready: VecDeque<LaneEvent>,
    phase: Phase,
}

enum Phase {
    Running,
    /// The last event was seen, or the bytes are over.
    Complete,
    Failed(Fault),
    Over,
}

impl Run {
    async fn next(&mut self) -> Option<Result<LaneEvent, Fault>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            match std::mem::replace(&mut self.phase, Phase::Over) {
                Phase::Running => self.phase = self.read().await.unwrap_or_else(Phase::Failed),
                Phase::Complete => {
                    self.feed.end().await;
                    return Some(self.listener.end().map(|end| LaneEvent::Final(Box::new(end))));
                }
                Phase::Failed(fault) => return Some(Err(fault)),
                Phase::Over => return None,
            }
        }
    }

    /// Turns one more piece into events that are ready.
    async fn read(&mut self) -> Result<Phase, Fault> {
        let piece = self.feed.piece().await?;
        let is_end = piece.is_none();
        let complete = match piece {
            Some(piece) => self
                .splitter
                .push(piece)
                .map_err(|error| self.refusal.fault(Code::Adapter, error))?,
            None => self.splitter.finish(),
        };
        let is_last = self.listener.take(&complete, &mut self.ready)?;
        Ok(if is_last || is_end {
            Phase::Complete
        } else {
            Phase::Running
        })
    }
}

impl Listener {
    /// Handles a piece that holds whole events; `true` once the last one was among them.
    fn take(&mut self, complete: &Bytes, ready: &mut VecDeque<LaneEvent>) -> Result<bool, Fault> {
        match self {
            Self::Forward(observer) => forward(observer.as_mut(), complete, ready),
            Self::Read(reader) => {
                let mut partial = Partial::default();
                let outcome = read(reader.as_mut(), complete, &mut partial);
                if !partial.text.is_empty() || partial.data.is_some() {
                    ready.push_back(LaneEvent::Partial(partial));
                }
                outcome
            }
        }
    }

    fn end(&mut self) -> Result<LaneFinal, Fault> {
        match self {
            Self::Forward(observer) => observer.end(),
            Self::Read(reader) => reader.end(),
        }
    }
}

/// Passes `complete` on without the events that are withheld: slices of what was received, as few as there can be.
fn forward(
    observer: &mut dyn Observe,
    complete: &Bytes,
    ready: &mut VecDeque<LaneEvent>,
) -> Result<bool, Fault> {
    let mut start = 0;
    let mut out_tokens = 0_u32;
    let mut send = |span: std::ops::Range<usize>, out_tokens: &mut u32, usage| {
        if !span.is_empty() {
            ready.push_back(LaneEvent::Forward {
                bytes: complete.slice(span),
                out_tokens: std::mem::take(out_tokens),
                usage,
            });
        }
    };
    for event in sse::events(complete) {
        match observer.event(&event) {
            Ok(Verdict::Forward(tokens)) => out_tokens = out_tokens.saturating_add(tokens),
            Ok(Verdict::Withhold) => {
                send(start..event.span.start, &mut out_tokens, observer.usage());
                start = event.span.end;
            }
            Ok(Verdict::Last) => {
                send(start..event.span.end, &mut out_tokens, observer.usage());
                return Ok(true);
            }
            Err(fault) => {
                send(start..event.span.start, &mut out_tokens, observer.usage());
                return Err(fault);
            }
        }
    }
    send(start..complete.len(), &mut out_tokens, observer.usage());
    Ok(false)
}

fn read(reader: &mut dyn Read, complete: &[u8], partial: &mut Partial) -> Result<bool, Fault> {
    for event in sse::events(complete) {
        if reader.event(&event, partial)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
