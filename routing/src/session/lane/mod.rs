//! One lane: its machine, its order, what it has said so far and how long it may take (atp.md 19.4).
//!
//! At the bounds: a full reorder buffer pauses the lane; an answer over its limit fails it with `ETOOBIG`; a lane silent,
//! paused or late beyond its timers fails with `ETIMEOUT`.

mod reorder;
mod state;

use atp_protocol::adapter::{AgentStatus, Usage};
use atp_protocol::error::Fault;
use atp_protocol::units::{Millis, Tier};
use bytes::Bytes;
use serde_json::Value;

use super::action::LaneOutcome;
use super::input::{Chunk, LaneEnd, Piece};
use super::params::{LanePlan, LaneTimers, SessionParams, TargetIx};
use crate::agreement::{admit, citations_hold};
use crate::reconcile::Answer;
use reorder::{Reorder, tokens_of};
pub(super) use state::LaneEvent;
pub use state::LaneState;

/// Confidence left after a hole was given up.
const GAP_FACTOR: f64 = 0.9;
/// Confidence left after a citation was missing.
const CITATION_FACTOR: f64 = 0.5;

/// The answer is over its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooBig;

/// Which of a lane's timers is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LaneTimer {
    /// A missing chunk is given up.
    Gap,
    /// An agent's PAUSE takes effect.
    Grace,
    /// No first chunk.
    FirstChunk,
    /// No further chunk.
    Idle,
    /// Paused too long.
    Pause,
}

/// Why a lane is not read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Hold {
    pub(super) agent: bool,
    pub(super) buffer: bool,
    pub(super) client: bool,
}

impl Hold {
    pub(super) const fn is_any(self) -> bool {
        self.agent || self.buffer || self.client
    }
}

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
    pub(super) confidence: Option<f64>,
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
            confidence: None,
            seen_tokens: 0,
            doubts: Vec::new(),
            has_failed_tests: false,
            has_weak_citations: false,
            merged: Outlet::default(),
            own: Outlet::default(),
            forward: Vec::new(),
            reorder: Reorder::new(capacity),
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
        self.confidence = share(chunk.confidence).or(self.confidence);
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

    /// FINAL or END came; the lane ends once nothing is missing any more.
    pub(super) fn end(&mut self, end: Box<LaneEnd>) {
        self.usage = end.usage.or(self.usage);
        self.ending = Some(end);
    }

    /// Whether the lane's end waits for nothing but [`Self::conclude`].
    pub(super) fn is_conclusive(&self) -> bool {
        self.ending
            .as_ref()
            .is_some_and(|end| self.reorder.is_complete(end.last_seq))
    }

    /// Turns what came into the lane's answer. `Ok(false)` when its end has not come.
    pub(super) fn conclude(&mut self, now: Millis, params: &SessionParams) -> Result<bool, TooBig> {
        let Some(end) = self.ending.take() else {
            return Ok(false);
        };
        let LaneEnd {
            rest,
            confidence,
            citations,
            has_failed_tests,
            ..
        } = *end;
        self.append(&rest.text, params.max_text_bytes)?;
        self.answer.data = rest.data.or_else(|| self.answer.data.take());
        self.answer.tool_calls = rest.tool_calls;
        self.answer.model = rest.model;
        self.answer.finish_reason = rest.finish_reason;
        self.answer.body = rest.body;
        let admitted = admit(rest.findings, &params.aliases);
        self.answer.findings = admitted.findings;
        for rejected in admitted.rejected.iter().take(8) {
            self.doubts
                .push(format!("finding {} was dropped: {}", rejected.id, rejected.why));
        }
        if admitted.rejected.len() > 8 {
            self.doubts.push(format!(
                "{} further findings were dropped",
                admitted.rejected.len() - 8
            ));
        }
        self.confidence = share(confidence).or(self.confidence);
        for _ in 0..self.reorder.gaps.min(100) {
            self.confidence = self.confidence.map(|confidence| confidence * GAP_FACTOR);
        }
        if self.reorder.gaps > 0 {
            self.doubts.push("chunks that never came were skipped".to_owned());
        }
        if params.evidence_gate && !citations_hold(&self.answer.text, &citations) {
            self.confidence = self.confidence.map(|confidence| confidence * CITATION_FACTOR);
            self.has_weak_citations = true;
            self.doubts.push("a citation is missing".to_owned());
        }
        self.has_failed_tests = has_failed_tests;
        self.times.ended = Some(now);
        Ok(true)
    }

    /// Gives up what is missing.
    pub(super) fn give_up_gap(&mut self, now: Millis) {
        self.reorder.skip(now);
        if let Some(last) = self.ending.as_ref().and_then(|end| end.last_seq) {
            self.reorder.skip_tail(last);
        }
    }

    /// The agent's word about itself; a repeated PAUSE does not start its grace anew.
    pub(super) fn agent(&mut self, now: Millis, status: AgentStatus) {
        match status {
            AgentStatus::Ready => {
                self.hold.agent = false;
                self.grace_since = None;
            }
            AgentStatus::Busy => self.hold.agent = true,
            AgentStatus::Pause => {
                self.grace_since.get_or_insert(now);
            }
            AgentStatus::Draining => {}
        }
    }

    /// The grace of a PAUSE is over.
    pub(super) fn end_grace(&mut self) {
        self.grace_since = None;
        self.hold.agent = true;
    }

    /// Brings PAUSED in line with the reasons to pause; `Some(true)` when the lane was paused, `Some(false)` resumed.
    pub(super) fn sync_hold(&mut self, now: Millis) -> Option<bool> {
        if self.hold.is_any() && self.on(LaneEvent::Pause) {
            self.paused_since = now;
            Some(true)
        } else if !self.hold.is_any() && self.on(LaneEvent::Resume) {
            self.quiet_since = now;
            Some(false)
        } else {
            None
        }
    }

    /// The timer that is due first.
    pub(super) fn due(&self, timers: &LaneTimers) -> Option<(Millis, LaneTimer)> {
        if !self.state.is_running() || self.attempt == 0 {
            return None;
        }
        let gap = self
            .reorder
            .hole_since()
            .map(|since| (since.plus(timers.gap_ms), LaneTimer::Gap));
        if self.ending.is_some() {
            return gap;
        }
        let grace = self
            .grace_since
            .filter(|_| !self.hold.agent)
            .map(|since| (since.plus(timers.grace_ms), LaneTimer::Grace));
        let quiet = match (self.state, self.times.first_chunk) {
            (LaneState::Paused, _) => (self.paused_since.plus(timers.pause_max_ms), LaneTimer::Pause),
            (_, None) => (
                self.quiet_since.plus(timers.first_chunk_ms),
                LaneTimer::FirstChunk,
            ),
            (_, Some(_)) => (self.quiet_since.plus(timers.idle_ms), LaneTimer::Idle),
        };
        [gap, grace, Some(quiet)].into_iter().flatten().min()
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
