//! One lane: its machine, its order, what it has said so far and how long it may take (atp.md 19.4).
//!
//! At the bounds: a full reorder buffer pauses the lane; an answer over its limit fails it with `ETOOBIG`; a lane silent,
//! paused or late beyond its timers fails with `ETIMEOUT`.

mod end;
mod pause;
mod reorder;
mod state;
mod timer;

use atp_protocol::adapter::Usage;
use atp_protocol::error::Fault;
use atp_protocol::units::{Millis, Tier};
use bytes::Bytes;
use serde_json::Value;

use super::action::LaneOutcome;
use super::input::{Chunk, LaneEnd, Piece};
use super::params::{LanePlan, SessionParams, TargetIx};
use crate::reconcile::Answer;
pub(super) use pause::Hold;
use reorder::{Reorder, tokens_of};
pub(super) use state::LaneEvent;
pub use state::LaneState;
pub(super) use timer::LaneTimer;

/// The answer is over its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooBig;

/// When things happened to a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Times {
    pub(super) dispatched: Option<Millis>,
    pub(super) first_chunk: Option<Millis>,
    pub(super) ended: Option<Millis>,
}

/// How far a lane's output went through one of its outlets.
#[derive(Debug, Clone, Default)]
pub(super) struct Outlet {
    /// Bytes of text.
    pub(super) text: usize,
    data: Option<Value>,
}

#[derive(Debug, Clone)]
pub(super) struct Lane {
    pub(super) plan: LanePlan,
    pub(super) state: LaneState,
    /// Escalation step that asked it because earlier answers were in doubt.
    pub(super) rank: u8,
    /// Calls made.
    pub(super) attempt: u32,
    pub(super) target: TargetIx,
    pub(super) hold: Hold,
    pub(super) times: Times,
    /// Why it did not end well.
    pub(super) fault: Option<Fault>,
    /// Something was delivered in order: no retry any more.
    pub(super) has_delivered: bool,
    /// An adapter took a call of it.
    pub(super) is_heard: bool,
    pub(super) answer: Answer,
    /// Output tokens seen, all calls together.
    pub(super) seen_tokens: u64,
    /// What the reader should know about it.
    pub(super) doubts: Vec<String>,
    pub(super) has_failed_tests: bool,
    pub(super) has_weak_citations: bool,
    /// Towards the stream's default lane.
    pub(super) merged: Outlet,
    /// Towards the lane's own.
    pub(super) own: Outlet,
    /// Bytes to be forwarded unchanged.
    pub(super) forward: Vec<Bytes>,
    pub(super) reorder: Reorder<Piece>,
    /// Confidence as last stated.
    stated: Option<f64>,
    forwarded_bytes: usize,
    usage: Option<Usage>,
    earlier_usage: Option<Usage>,
    ending: Option<Box<LaneEnd>>,
    /// Dispatch, last chunk or resumption, whichever came last.
    quiet_since: Millis,
    paused_since: Millis,
    grace_since: Option<Millis>,
}

impl Lane {
    pub(super) fn new(plan: LanePlan, params: &SessionParams) -> Self {
        let capacity = match params.tier {
            Tier::Gold => params.reorder_tokens / 2,
            Tier::Silver => params.reorder_tokens,
            Tier::Bronze => params.reorder_tokens.saturating_mul(2),
        };
        Self {
            target: plan.target,
            plan,
            state: LaneState::Init,
            rank: 0,
            attempt: 0,
            hold: Hold::default(),
            times: Times::default(),
            fault: None,
            has_delivered: false,
            is_heard: false,
            answer: Answer::default(),
            seen_tokens: 0,
            doubts: Vec::new(),
            has_failed_tests: false,
            has_weak_citations: false,
            merged: Outlet::default(),
            own: Outlet::default(),
            forward: Vec::new(),
            reorder: Reorder::new(capacity),
            stated: None,
            forwarded_bytes: 0,
            usage: None,
            earlier_usage: None,
            ending: None,
            quiet_since: Millis(0),
            paused_since: Millis(0),
            grace_since: None,
        }
    }

    /// Follows the table; `false` where it has no row, and nothing changes.
    pub(super) fn on(&mut self, event: LaneEvent) -> bool {
        let next = self.state.on(event);
        self.state = next.unwrap_or(self.state);
        self.is_heard |= self.state == LaneState::Streaming;
        next.is_some()
    }

    /// The next call goes out after `delay_ms`.
    pub(super) fn called(&mut self, now: Millis, target: TargetIx, delay_ms: u64) {
        self.attempt += 1;
        self.target = target;
        self.quiet_since = now.plus(delay_ms);
        self.times.dispatched.get_or_insert(now.plus(delay_ms));
        self.earlier_usage = self.usage();
        self.usage = None;
        self.grace_since = None;
        self.hold.agent = false;
        self.hold.buffer = false;
        self.ending = None;
        self.reorder.restart();
    }

    /// Takes a chunk in whatever order it came; one beyond the announced last is none.
    pub(super) fn take(&mut self, now: Millis, chunk: Chunk) {
        let last = self.ending.as_ref().and_then(|end| end.last_seq);
        if last.is_some_and(|last| chunk.seq > last) {
            return;
        }
        self.times.first_chunk.get_or_insert(now);
        self.quiet_since = now;
        self.usage = chunk.usage.or(self.usage);
        self.stated = share(chunk.confidence).or(self.stated);
        let bytes = match &chunk.piece {
            Piece::Read { text, data } => text.len() + data.as_ref().map_or(0, |data| data.to_string().len()),
            Piece::Forward(bytes) => bytes.len(),
        };
        let tokens = tokens_of(chunk.tokens, bytes);
        self.seen_tokens = self
            .seen_tokens
            .saturating_add(chunk.tokens.map_or(tokens, u64::from));
        self.reorder.push(now, chunk.seq, chunk.piece, tokens);
    }

    /// Moves what is in order to the answer; returns how many bytes that were.
    pub(super) fn deliver(&mut self, now: Millis, limit: usize) -> Result<usize, TooBig> {
        let mut delivered = 0;
        while let Some(piece) = self.reorder.pop(now) {
            self.has_delivered = true;
            match piece {
                Piece::Read { text, data } => {
                    delivered += text.len();
                    self.append(&text, limit)?;
                    if let Some(data) = data {
                        self.merged.data = Some(data.clone());
                        self.own.data = Some(data.clone());
                        self.answer.data = Some(data);
                    }
                }
                Piece::Forward(bytes) => {
                    delivered += bytes.len();
                    self.forwarded_bytes += bytes.len();
                    if self.forwarded_bytes > limit {
                        return Err(TooBig);
                    }
                    self.forward.push(bytes);
                }
            }
        }
        if self.ending.is_some() && !self.is_conclusive() {
            self.reorder.await_tail(now);
        }
        Ok(delivered)
    }

    fn append(&mut self, text: &str, limit: usize) -> Result<(), TooBig> {
        if self.answer.text.len() + text.len() > limit {
            return Err(TooBig);
        }
        self.answer.text.push_str(text);
        Ok(())
    }

    /// Gives up what is missing.
    pub(super) fn give_up_gap(&mut self, now: Millis) {
        self.reorder.skip(now);
        if let Some(last) = self.ending.as_ref().and_then(|end| end.last_seq) {
            self.reorder.skip_tail(last);
        }
    }

    /// What has not gone through the outlet towards the default lane yet.
    pub(super) fn unsent(&mut self) -> Option<Piece> {
        unsent(&self.answer.text, &mut self.merged)
    }

    /// What has not gone through the outlet towards its own lane yet.
    pub(super) fn unexposed(&mut self) -> Option<Piece> {
        unsent(&self.answer.text, &mut self.own)
    }

    /// What adapters reported, all calls together.
    pub(super) fn usage(&self) -> Option<Usage> {
        match (self.earlier_usage, self.usage) {
            (Some(a), Some(b)) => Some(Usage {
                in_tokens: a.in_tokens.saturating_add(b.in_tokens),
                out_tokens: a.out_tokens.saturating_add(b.out_tokens),
                usd_micros: a.usd_micros.saturating_add(b.usd_micros),
                source: a.source.max(b.source),
            }),
            (a, b) => b.or(a),
        }
    }

    pub(super) fn report_usage(&mut self, usage: Option<Usage>) {
        self.usage = usage.or(self.usage);
    }

    pub(super) fn outcome(&self) -> LaneOutcome {
        LaneOutcome {
            state: self.state,
            fault: self.fault.clone(),
            target: self.target,
            attempts: self.attempt,
            usage: self.usage(),
            seen_tokens: self.seen_tokens,
        }
    }
}

fn unsent(text: &str, outlet: &mut Outlet) -> Option<Piece> {
    let rest = &text[outlet.text..];
    let data = outlet.data.take();
    if rest.is_empty() && data.is_none() {
        return None;
    }
    let text = rest.to_owned();
    outlet.text += text.len();
    Some(Piece::Read { text, data })
}

/// A confidence within 0 to 1; anything else states nothing.
fn share(confidence: Option<f64>) -> Option<f64> {
    confidence.filter(|confidence| (0.0..=1.0).contains(confidence))
}
