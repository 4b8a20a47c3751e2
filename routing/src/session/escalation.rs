//! Reasons to ask a better lane or an arbiter (atp.md 21.4, 21.5).

use super::action::{ArbiterInput, Cause, Event, Step};
use super::lane::{Lane, LaneState};
use super::machine::ParallelSession;
use super::params::{LaneIx, MAX_ESCALATIONS};
use super::rules::Rule;
use crate::plan::{Signals, trigger};
use crate::policy::Trigger;
use crate::reconcile::{Reason, Rewrite, Strategy, Unreconciled, accept};

/// Why the arbiter's word does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoRewrite {
    OverBudget,
    Failed,
}

impl ParallelSession {
    /// The first enabled reason to doubt the result so far. Slowness is judged apart: it is no doubt of a result.
    pub(super) fn doubt(&self) -> Option<Trigger> {
        let view = self.view.as_ref()?;
        let plan = &self.params.escalation;
        let finalized = || {
            self.lanes
                .iter()
                .filter(|lane| lane.state == LaneState::Finalized)
        };
        let rank = finalized().map(|lane| lane.rank).max().unwrap_or(0);
        let any = |flag: fn(&Lane) -> bool| finalized().any(|lane| lane.rank == rank && flag(lane));
        let signals = Signals {
            confidence: view.outcome.as_ref().ok().and_then(|outcome| outcome.confidence),
            agreement: view.agreement,
            is_disputed: view.outcome.is_err(),
            has_failed_tests: any(|lane| lane.has_failed_tests),
            // Citations that failed the profile support nothing.
            evidence: any(|lane| lane.has_weak_citations).then_some(0.0),
            elapsed_ms: 0,
            has_final: true,
        };
        trigger(&signals, &plan.on, &plan.thresholds, u64::MAX)
    }

    /// Whether a strategy without an answer, or an arbiter's, leaves something to do once all lanes have ended.
    pub(super) fn is_unreconciled(&self) -> bool {
        self.view.as_ref().is_some_and(|view| view.outcome.is_err())
    }

    /// Whether a better lane may be asked: one is left, time is, and no text is out that could not be taken back.
    pub(super) fn can_escalate(&self) -> bool {
        let plan = &self.params.escalation;
        usize::from(self.escalations) < plan.to.len()
            && self.escalations < plan.max.min(MAX_ESCALATIONS)
            && !self.is_late()
            && self.may_revise()
            && (self.doubt().is_some() || self.is_slow())
    }

    /// Asks the next better lane.
    pub(super) fn escalate(&mut self) {
        let trigger = self.doubt().unwrap_or(Trigger::Latency);
        let plan = self.params.escalation.to[usize::from(self.escalations)].clone();
        let (lane, target) = (LaneIx(self.lanes.len()), plan.target);
        let mut better = Lane::new(plan, &self.params);
        self.escalations += 1;
        self.is_slowness_seen |= trigger == Trigger::Latency;
        if trigger != Trigger::Latency {
            better.rank = self.escalations;
        }
        self.lanes.push(better);
        let cause = Cause::Rule(Rule::Escalate);
        self.event(cause, Event::Escalate, Some(lane), trigger.as_str());
        self.act(
            cause,
            Step::Escalate {
                lane,
                target,
                trigger,
            },
        );
    }

    /// Whether an arbiter may decide: allowed, in time, not asked before, and two divergent results are at hand.
    pub(super) fn can_arbitrate(&self) -> bool {
        let is_divergent = self.view.as_ref().is_some_and(|view| {
            matches!(
                view.outcome,
                Err(Unreconciled::Divergent | Unreconciled::NoMajority | Unreconciled::NoProposal)
            ) || view
                .agreement
                .is_some_and(|agreement| agreement < self.params.thresholds.agree_min)
        });
        self.params.arbiter.is_some()
            && self.arbiter_until.is_none()
            && !self.is_late()
            && self.may_revise()
            && self.finalized() >= 2
            && is_divergent
    }

    /// Calls the arbiter, if its estimate fits the budget.
    pub(super) fn ask_arbiter(&mut self) {
        let Some(arbiter) = self.params.arbiter else {
            return;
        };
        let until = self.now.plus(arbiter.timeout_ms).min(self.deadline());
        self.arbiter_until = Some(until);
        if arbiter.estimate_usd_micros > arbiter.max_usd_micros {
            self.arbitrated = Some(Err(NoRewrite::OverBudget));
            return;
        }
        let inputs = self
            .lanes
            .iter()
            .filter(|lane| lane.state == LaneState::Finalized)
            .map(|lane| ArbiterInput {
                lane: lane.plan.lane.clone(),
                weight: lane.plan.weight.value(),
                answer: lane.answer.clone(),
            })
            .collect();
        let step = Step::CallArbiter {
            max_usd_micros: arbiter.max_usd_micros,
            timeout_ms: until.since(self.now),
            inputs,
        };
        self.act(Cause::Rule(Rule::AskArbiter), step);
    }

    /// Takes the arbiter's rewrite if it adds nothing.
    pub(super) fn take_rewrite(&mut self, rewrite: Rewrite) {
        self.arbiter_usd_micros = rewrite.usd_micros;
        let accepted = accept(
            rewrite,
            &self.answers(false),
            &self.params.aliases,
            &self.reconcile_params(),
        );
        self.arbitrated = Some(accepted.map(Box::new).map_err(|_| NoRewrite::Failed));
    }

    /// First-win in the arbiter's place.
    pub(super) fn without_arbiter(
        &self,
        why: NoRewrite,
    ) -> Result<Box<crate::reconcile::Outcome>, Unreconciled> {
        let mut outcome = self.reconcile_as(Strategy::FirstWin, false)?;
        outcome.consensus.strategy = Strategy::Arbiter;
        if let Some(view) = &self.view {
            outcome.consensus.agreement = view.agreement;
            outcome.consensus.mode = view.mode;
        }
        outcome.reason = match why {
            NoRewrite::OverBudget => Reason::BudgetExceeded,
            NoRewrite::Failed => Reason::ArbiterFailed,
        };
        outcome
            .consensus
            .doubt("results diverge and no arbiter decided".to_owned());
        Ok(outcome)
    }
}
