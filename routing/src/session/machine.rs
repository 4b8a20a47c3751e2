//! The session: takes an input, lets the rules decide, and returns what is to be done.

use std::sync::Arc;

use atp_protocol::error::{Code, Fault};
use atp_protocol::units::Millis;

use super::action::{Action, Actions, Cause, Event, Step};
use super::audit::{AuditRecord, Decision};
use super::escalation::NoRewrite;
use super::input::Input;
use super::lane::Lane;
use super::params::{LaneIx, MAX_LANES, SessionParams};
use super::provisional::Shown;
use super::rules::{Rule, State, next};
use super::view::View;
use crate::reconcile::{Outcome, Unreconciled};

/// State changes kept for the audit record; further ones are counted.
const MAX_DECISIONS: usize = 64;

/// Why a session is stopped from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Cancel,
    Preempt,
    Drain,
}

/// The lanes of one request, run as one (atp.md section 19).
///
/// Every session ends with exactly one [`Step::Finish`], at the latest when it is ticked past its deadline.
#[derive(Debug, Clone)]
pub struct ParallelSession {
    pub(super) params: SessionParams,
    pub(super) state: State,
    pub(super) lanes: Vec<Lane>,
    /// The latest time it was told.
    pub(super) now: Millis,
    pub(super) started: Option<Millis>,
    pub(super) stop: Option<Stop>,
    pub(super) view: Option<View>,
    /// The lane whose text goes out as it comes.
    pub(super) forwarded: Option<LaneIx>,
    /// The same, if its text cannot be taken back.
    pub(super) committed: Option<LaneIx>,
    pub(super) is_client_blocked: bool,
    pub(super) shown: Shown,
    pub(super) escalations: u8,
    /// The first of the better lanes that was not passed over.
    pub(super) next_better: usize,
    pub(super) is_slowness_seen: bool,
    pub(super) arbiter_until: Option<Millis>,
    pub(super) arbitrated: Option<Result<Box<Outcome>, NoRewrite>>,
    pub(super) arbiter_usd_micros: u64,
    pub(super) outcome: Option<Result<Box<Outcome>, Unreconciled>>,
    pub(super) decisions: Vec<Decision>,
    pub(super) decisions_left_out: u32,
    pub(super) ignored: u32,
    pub(super) audit: Option<Arc<AuditRecord>>,
    actions: Actions,
}

impl ParallelSession {
    /// A session that waits for [`Input::Start`].
    ///
    /// # Errors
    /// `EWINDOW` for more than [`MAX_LANES`] lanes.
    pub fn new(params: SessionParams) -> Result<Self, Fault> {
        if params.lanes.len() > MAX_LANES {
            return Err(Fault::new(
                Code::Window,
                format!(
                    "{} lanes in one session; ask for at most {MAX_LANES}",
                    params.lanes.len()
                ),
            ));
        }
        let lanes = params
            .lanes
            .iter()
            .map(|plan| Lane::new(plan.clone(), &params))
            .collect();
        Ok(Self {
            params,
            state: State::Init,
            lanes,
            now: Millis(0),
            started: None,
            stop: None,
            view: None,
            forwarded: None,
            committed: None,
            is_client_blocked: false,
            shown: Shown::default(),
            escalations: 0,
            next_better: 0,
            is_slowness_seen: false,
            arbiter_until: None,
            arbitrated: None,
            arbiter_usd_micros: 0,
            outcome: None,
            decisions: Vec::new(),
            decisions_left_out: 0,
            ignored: 0,
            audit: None,
            actions: Actions::new(),
        })
    }

    /// Where the session stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Inputs that came when nothing was to be done with them: for other calls, other states, or after the end.
    #[must_use]
    pub fn ignored(&self) -> u32 {
        self.ignored
    }

    /// Takes one input. A clock that goes backwards stands still.
    ///
    /// What is due by `now` happens after the input, so that a result that came with its deadline still counts.
    pub fn handle(&mut self, now: Millis, input: Input) -> Actions {
        self.now = self.now.max(now);
        let is_expected = if self.state.is_terminal() {
            input == Input::Tick
        } else {
            self.take(input)
        };
        if !is_expected {
            self.ignored = self.ignored.saturating_add(1);
        }
        if self.started.is_some() && !self.state.is_terminal() {
            self.expire();
            self.flush();
            self.advance();
            self.show();
        }
        std::mem::take(&mut self.actions)
    }

    /// `false` when the input has no place here.
    fn take(&mut self, input: Input) -> bool {
        if self.started.is_none() {
            return self.start(&input);
        }
        match input {
            Input::Start => false,
            Input::LaneAdmitted { lane } => self.on_admitted(lane),
            Input::LaneRejected { lane, fault } => self.on_rejected(lane, fault),
            Input::DispatchOk { call } => self.on_dispatched(call),
            Input::DispatchErr { call, fault } => self.on_fail(call, fault, None),
            Input::Chunk { call, chunk } => self.on_chunk(call, chunk),
            Input::LaneFinal { call, end } => self.on_final(call, end),
            Input::LaneFail { call, fault, usage } => self.on_fail(call, fault, usage),
            Input::AgentStatus { lane, status } => self.on_agent_status(lane, status),
            Input::ArbiterResult(result) => self.on_arbiter(result),
            Input::Cancel => self.on_stop(Stop::Cancel),
            Input::Preempt => self.on_stop(Stop::Preempt),
            Input::Drain => self.on_stop(Stop::Drain),
            Input::BudgetExhausted { lane } => self.on_budget_exhausted(lane),
            Input::ClientReady => self.on_client(false),
            Input::EgressBlocked => self.on_client(true),
            Input::Tick => true,
        }
    }

    fn start(&mut self, input: &Input) -> bool {
        match input {
            Input::Start => self.started = Some(self.now),
            // Stopped before it began: it begins only to end.
            Input::Cancel => (self.started, self.stop) = (Some(self.now), Some(Stop::Cancel)),
            Input::Preempt => (self.started, self.stop) = (Some(self.now), Some(Stop::Preempt)),
            Input::Drain => (self.started, self.stop) = (Some(self.now), Some(Stop::Drain)),
            Input::Tick => {}
            _ => return false,
        }
        true
    }

    /// Follows the rules until none applies.
    fn advance(&mut self) {
        while let Some((rule, to)) = next(self.state, &self.facts()) {
            if self.state != to {
                self.decide(rule, to);
            }
            self.state = to;
            self.enter(rule);
        }
    }

    fn decide(&mut self, rule: Rule, to: State) {
        if self.decisions.len() < MAX_DECISIONS {
            self.decisions.push(Decision {
                at_ms: self.elapsed(),
                rule,
                from: self.state,
                to,
            });
        } else {
            self.decisions_left_out = self.decisions_left_out.saturating_add(1);
        }
    }

    pub(super) fn act(&mut self, cause: Cause, step: Step) {
        self.actions.push(Action { cause, step });
    }

    pub(super) fn event(&mut self, cause: Cause, event: Event, lane: Option<LaneIx>, reason: &'static str) {
        self.act(cause, Step::EmitEvent { event, lane, reason });
    }

    /// Milliseconds since the start.
    pub(super) fn elapsed(&self) -> u64 {
        self.started.map_or(0, |started| self.now.since(started))
    }

    pub(super) fn deadline(&self) -> Millis {
        self.started.unwrap_or(self.now).plus(self.params.deadline_ms)
    }

    pub(super) fn is_late(&self) -> bool {
        self.started.is_some() && self.now >= self.deadline()
    }

    /// Whether the answer may still become another one.
    pub(super) fn may_revise(&self) -> bool {
        self.committed.is_none()
    }
}
