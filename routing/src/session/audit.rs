//! What is put on record about a session (atp.md 19.5). Times are milliseconds since its start.

use std::sync::Arc;

use atp_protocol::adapter::Usage;
use atp_protocol::error::Code;
use atp_protocol::ids::LaneId;
use serde::Serialize;

use super::action::{Failure, FinalAnswer};
use super::lane::LaneState;
use super::machine::ParallelSession;
use super::params::{LaneIx, SessionIds, TargetIx};
use super::rules::{Rule, State};
use crate::agreement::Mode;
use crate::reconcile::{Reason, Strategy, likeness};

/// A state change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// When.
    pub at_ms: u64,
    /// By which rule.
    pub rule: Rule,
    /// From.
    pub from: State,
    /// To.
    pub to: State,
}

/// How a lane fared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LaneRecord {
    /// Persona and clone.
    pub lane: LaneId,
    /// Who was asked last.
    pub target: TargetIx,
    /// Calls made.
    pub attempts: u32,
    /// How it ended.
    pub state: LaneState,
    /// Why it did not end well.
    pub fault: Option<Code>,
    /// When it was first called.
    pub dispatched_ms: Option<u64>,
    /// When its first chunk came.
    pub first_chunk_ms: Option<u64>,
    /// When it ended.
    pub ended_ms: Option<u64>,
    /// Its weight, before sources are considered.
    pub weight: f64,
    /// Its confidence, penalties included.
    pub confidence: Option<f64>,
    /// How like its answer is to those of the other lanes that ended well, its own vote left out.
    pub agreement: Option<f64>,
    /// What adapters reported.
    pub usage: Option<Usage>,
    /// Output tokens seen.
    pub seen_tokens: u64,
    /// Chunks given up as missing.
    pub gaps_filled: u32,
    /// Longest wait for a missing chunk.
    pub buffer_wait_ms: u64,
    /// Duplicate and late chunks dropped.
    pub dropped_chunks: u32,
}

/// The record of a session that has ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditRecord {
    /// Whose session.
    pub ids: SessionIds,
    /// Its lanes, planned ones first.
    pub lanes: Vec<LaneRecord>,
    /// The strategy asked for.
    pub strategy: Strategy,
    /// How far lanes agreed.
    pub agreement: Option<f64>,
    /// What agreement was measured on.
    pub mode: Option<Mode>,
    /// Confidence of the answer.
    pub confidence: Option<f64>,
    /// Whose answer it was.
    pub winner: Option<LaneIx>,
    /// What decided the answer.
    pub reason: Option<Reason>,
    /// How it failed.
    pub failure: Option<Code>,
    /// Reported cost of all lanes and the arbiter in micro-dollars.
    pub usd_micros: u64,
    /// Of that, the arbiter's.
    pub arbiter_usd_micros: u64,
    /// Better lanes asked.
    pub escalations: u8,
    /// State changes, oldest first.
    pub decisions: Vec<Decision>,
    /// State changes that are not listed.
    pub decisions_left_out: u32,
    /// Inputs that had no place.
    pub ignored: u32,
    /// How long it took.
    pub elapsed_ms: u64,
}

impl ParallelSession {
    /// The record of the session, once it has ended.
    #[must_use]
    pub fn audit(&self) -> Option<&Arc<AuditRecord>> {
        self.audit.as_ref()
    }

    /// Writes the record.
    pub(super) fn record(&mut self, result: &Result<FinalAnswer, Failure>) {
        let mut lanes: Vec<LaneRecord> = (0..self.lanes.len()).map(|at| self.lane_record(at)).collect();
        let answers = self.answers(false);
        for (answer, likeness) in answers.iter().zip(likeness(&answers)) {
            lanes[answer.index].agreement = likeness;
        }
        let answer = result.as_ref().ok();
        let spent: u64 = lanes
            .iter()
            .filter_map(|lane| lane.usage)
            .fold(0, |sum, usage| sum.saturating_add(usage.usd_micros));
        self.audit = Some(Arc::new(AuditRecord {
            ids: self.params.ids.clone(),
            lanes,
            strategy: self.params.strategy,
            agreement: answer.and_then(|answer| answer.consensus.agreement),
            mode: answer.map(|answer| answer.consensus.mode),
            confidence: answer.and_then(|answer| answer.confidence),
            winner: answer.and_then(|answer| answer.winner),
            reason: answer.map(|answer| answer.reason),
            failure: result.as_ref().err().map(|failure| failure.fault.code),
            usd_micros: spent.saturating_add(self.arbiter_usd_micros),
            arbiter_usd_micros: self.arbiter_usd_micros,
            escalations: self.escalations,
            decisions: std::mem::take(&mut self.decisions),
            decisions_left_out: self.decisions_left_out,
            ignored: self.ignored,
            elapsed_ms: self.elapsed(),
        }));
    }

    fn lane_record(&self, at: usize) -> LaneRecord {
        let lane = &self.lanes[at];
        let started = self.started.unwrap_or(self.now);
        let since = |time: Option<atp_protocol::units::Millis>| time.map(|time| time.since(started));
        LaneRecord {
            lane: lane.plan.lane.clone(),
            target: lane.target,
            attempts: lane.attempt,
            state: lane.state,
            fault: lane.fault.as_ref().map(|fault| fault.code),
            dispatched_ms: since(lane.times.dispatched),
            first_chunk_ms: since(lane.times.first_chunk),
            ended_ms: since(lane.times.ended),
            weight: lane.plan.weight.value(),
            confidence: lane.confidence(),
            agreement: None,
            usage: lane.usage(),
            seen_tokens: lane.seen_tokens,
            gaps_filled: lane.reorder.gaps,
            buffer_wait_ms: lane.reorder.longest_wait_ms,
            dropped_chunks: lane.reorder.dropped,
        }
    }
}
