//! Provisional results and incremental ones (atp.md 21.3; section 20, GAP-116A).

use atp_protocol::units::Millis;

use super::action::{Cause, Provisional, Status, Step};
use super::lane::Lane;
use super::machine::ParallelSession;
use super::params::LaneIx;
use super::rules::{Rule, State};
use crate::reconcile::{Outcome, Strategy, reconcile};

/// Tokens after which a lane may lead a first-win session.
const LEADER_TOKENS: u64 = 32;
/// A shown result is withdrawn when agreement falls so far below the threshold.
const HYSTERESIS: f64 = 0.05;
/// Confidence shown where no lane states any.
const UNKNOWN: f64 = 0.5;

/// What the client has been shown so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    /// The last revision.
    last: Option<Box<Provisional>>,
    /// When it went out, anew or renewed.
    at: Option<Millis>,
    /// A revision that waits for its turn.
    pending: Option<(Status, Rule)>,
    /// Bytes delivered by each lane since the last revision.
    grown: Vec<usize>,
    /// The lane that leads a first-win session.
    leader: Option<LaneIx>,
}

impl Shown {
    /// `bytes` more were delivered.
    pub(super) fn note(&mut self, lane: LaneIx, bytes: usize) {
        if self.grown.len() <= lane.0 {
            self.grown.resize(lane.0 + 1, 0);
        }
        self.grown[lane.0] = self.grown[lane.0].saturating_add(bytes);
    }

    /// The lane has no answer any more.
    pub(super) fn lost(&mut self, lane: LaneIx) {
        if self.leader == Some(lane) {
            self.leader = None;
        }
    }
}

impl ParallelSession {
    fn agreement(&self) -> Option<f64> {
        self.view.as_ref().and_then(|view| view.agreement)
    }

    /// Rule 8: a quorum that agrees, or a single lane when half of the time is gone.
    pub(super) fn is_showable(&self) -> bool {
        let thresholds = &self.params.thresholds;
        let agreement = self.agreement();
        let is_agreed = self.finalized() >= thresholds.quorum_min
            && agreement.is_some_and(|agreement| agreement >= thresholds.agree_min);
        let is_pressing = self.showable_at().is_some_and(|at| self.now >= at)
            && agreement.is_none_or(|agreement| agreement >= thresholds.agree_min - HYSTERESIS);
        self.params.provisional.is_agreed && self.may_reveal() && (is_agreed || is_pressing)
    }

    /// When a single lane's result becomes worth showing.
    pub(super) fn showable_at(&self) -> Option<Millis> {
        let can_be = self.params.provisional.is_agreed
            && self.finalized() >= 1
            && matches!(self.state, State::Streaming | State::Buffering);
        let wait = self
            .params
            .provisional
            .single_after_ms
            .max(self.params.deadline_ms / 2);
        can_be.then(|| self.started.unwrap_or(self.now).plus(wait).plus(1))
    }

    /// Rule 12.
    pub(super) fn is_worse(&self) -> bool {
        self.agreement()
            .is_some_and(|agreement| agreement < self.params.thresholds.agree_min - HYSTERESIS)
    }

    /// Rule 13: surer or more agreed upon than what is shown or about to be.
    pub(super) fn is_better(&self) -> bool {
        let Some(shown) = self.shown.last.as_ref().filter(|_| self.shown.pending.is_none()) else {
            return false;
        };
        let Some(Ok(outcome)) = self.view.as_ref().map(|view| view.outcome.as_ref()) else {
            return false;
        };
        let is_more = |now: Option<f64>, then: Option<f64>| {
            now.is_some_and(|now| then.is_none_or(|then| now > then + 1e-9))
        };
        is_more(outcome.confidence, Some(shown.confidence))
            || is_more(outcome.consensus.agreement, shown.consensus.agreement)
    }

    /// Shows a result, at once or when its turn comes.
    pub(super) fn revise(&mut self, status: Status, rule: Rule) {
        self.shown.pending = Some((status, rule));
    }

    /// Earliest time of the next revision.
    fn turn(&self) -> Millis {
        self.shown
            .at
            .map_or(self.now, |at| at.plus(self.params.provisional.pace_ms))
    }

    fn renewal_at(&self) -> Option<Millis> {
        self.shown.last.as_ref()?;
        let wait = self.params.provisional.expiry_ms.saturating_mul(2) / 3;
        self.shown
            .at
            .map(|at| at.plus(wait.max(self.params.provisional.pace_ms).max(1)))
    }

    /// When something will be shown.
    pub(super) fn show_due(&self) -> Option<Millis> {
        let is_waiting = self.shown.pending.is_some() || self.is_flush_due();
        let turn = is_waiting.then(|| self.turn());
        [turn, self.renewal_at()].into_iter().flatten().min()
    }

    /// Shows what is due.
    pub(super) fn show(&mut self) {
        if self.state.is_terminal() || !self.params.provisional.is_agreed {
            return;
        }
        self.follow_leader();
        if self.now >= self.turn() {
            if let Some((status, rule)) = self.shown.pending.take() {
                if let Some(outcome) = self.best() {
                    self.emit(Cause::Rule(rule), status, false, outcome);
                }
            } else if self.is_flush_due() {
                match self.incremental() {
                    Some(outcome) => self.emit(Cause::Output, Status::Provisional, true, outcome),
                    None => self.shown.grown.fill(0),
                }
            }
        }
        if self.renewal_at().is_some_and(|at| self.now >= at)
            && let Some(last) = self.shown.last.clone()
        {
            self.shown.at = Some(self.now);
            self.act(Cause::Renewal, Step::EmitProvisional(last));
        }
    }

    fn emit(&mut self, cause: Cause, status: Status, is_incremental: bool, outcome: Outcome) {
        let revision = self.shown.last.as_ref().map_or(0, |last| last.revision) + 1;
        let provisional = Box::new(Provisional {
            revision,
            status,
            is_incremental,
            answer: outcome.answer,
            parts: outcome.parts,
            consensus: outcome.consensus,
            confidence: outcome.confidence.unwrap_or(UNKNOWN),
            expiry_ms: self.params.provisional.expiry_ms,
        });
        self.shown.last = Some(provisional.clone());
        self.shown.at = Some(self.now);
        self.shown.grown.fill(0);
        self.act(cause, Step::EmitProvisional(provisional));
    }

    /// The FINALIZED lanes' result, or the first of them where the strategy has none yet.
    fn best(&self) -> Option<Outcome> {
        match &self.view.as_ref()?.outcome {
            Ok(outcome) => Some(Outcome::clone(outcome)),
            Err(_) => self
                .reconcile_as(Strategy::FirstWin, false)
                .ok()
                .map(|outcome| *outcome),
        }
    }

    /// Keeps the leader, or lets the first lane with enough tokens lead.
    fn follow_leader(&mut self) {
        if self.shown.leader.is_none() {
            let is_able =
                |lane: &Lane| lane.fault.is_none() && lane.has_delivered && lane.seen_tokens >= LEADER_TOKENS;
            self.shown.leader = self
                .lanes
                .iter()
                .enumerate()
                .filter(|(_, lane)| is_able(lane))
                .min_by_key(|(at, lane)| (lane.times.first_chunk, *at))
                .map(|(at, _)| LaneIx(at));
        }
    }

    /// Share of the flush size from which an unfinished result is shown, where the strategy can make one now.
    fn flush_share(&self) -> Option<f64> {
        match self.params.strategy {
            Strategy::FirstWin | Strategy::Adaptive => self.shown.leader.map(|_| 0.8),
            Strategy::WeightedMerge => Some(0.7),
            Strategy::Consensus => self
                .view
                .as_ref()
                .is_some_and(|view| view.outcome.is_ok())
                .then_some(0.6),
            Strategy::Arbiter => {
                let arbiter = self.params.arbiter?;
                let is_spent = arbiter.estimate_usd_micros as f64 > 0.8 * arbiter.max_usd_micros as f64;
                (self.state == State::Arbiter && is_spent).then_some(0.8)
            }
            Strategy::UnionTiebreak | Strategy::TwoPhase => None,
        }
    }

    /// Whether enough has come since the last revision: over the share, or anything while the client keeps up.
    fn is_flush_due(&self) -> bool {
        let is_possible = self.params.provisional.is_agreed
            && self.params.wants_text
            && self.forwarded.is_none()
            && matches!(
                self.state,
                State::Streaming | State::Buffering | State::Provisional | State::Arbiter
            )
            && self.may_reveal();
        let Some(share) = self.flush_share().filter(|_| is_possible) else {
            return false;
        };
        let grown: usize = match (self.params.strategy, self.shown.leader) {
            (Strategy::FirstWin | Strategy::Adaptive, Some(leader)) => {
                self.shown.grown.get(leader.0).copied().unwrap_or(0)
            }
            _ => self.shown.grown.iter().sum(),
        };
        let is_over = grown as f64 > share * self.params.flush_bytes as f64;
        is_over || (grown > 0 && !self.is_client_blocked)
    }

    /// What lanes amount to before they have ended.
    fn incremental(&self) -> Option<Outcome> {
        match self.params.strategy {
            Strategy::FirstWin | Strategy::Adaptive => {
                let leader = self.shown.leader?.0;
                let answers: Vec<_> = self
                    .answers(true)
                    .into_iter()
                    .filter(|answer| answer.index == leader)
                    .collect();
                reconcile(Strategy::FirstWin, &answers, &self.reconcile_params()).ok()
            }
            Strategy::WeightedMerge => {
                let answers: Vec<_> = self
                    .answers(true)
                    .into_iter()
                    .filter(|answer| self.lanes[answer.index].fault.is_none())
                    .collect();
                reconcile(Strategy::WeightedMerge, &answers, &self.reconcile_params()).ok()
            }
            Strategy::Consensus | Strategy::Arbiter => self.best(),
            Strategy::UnionTiebreak | Strategy::TwoPhase => None,
        }
    }
}
