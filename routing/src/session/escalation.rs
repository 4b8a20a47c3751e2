//! Reasons to ask a better lane or an arbiter (atp.md 21.4, 21.5).

use super::action::{ArbiterInput, Cause, Event, Step, Withheld};
use super::lane::{Lane, LaneState};
use super::machine::ParallelSession;
use super::params::{LaneIx, LanePlan, MAX_ESCALATIONS};
use super::rules::Rule;
use crate::plan::{Signals, chance, trigger};
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
        self.doubt_of(&self.params.escalation.on)
    }

    /// The first of these reasons that is one.
    fn doubt_of(&self, on: &[Trigger]) -> Option<Trigger> {
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
        trigger(&signals, on, &plan.thresholds, u64::MAX)
    }

    /// Whether a strategy without an answer, or an arbiter's, leaves something to do once all lanes have ended.
    pub(super) fn is_unreconciled(&self) -> bool {
        self.view.as_ref().is_some_and(|view| view.outcome.is_err())
    }

    /// Whether a better lane may be asked: one is left that is worth it, time is, and no text is out that could not be taken
    /// back.
    pub(super) fn can_escalate(&self) -> bool {
        self.has_better() && self.better().is_some()
    }

    /// Whether there is a further lane to ask, worth it or not.
    fn has_better(&self) -> bool {
        let plan = &self.params.escalation;
        self.next_better < plan.to.len()
            && self.escalations < plan.max.min(MAX_ESCALATIONS)
            && !self.is_late()
            && self.may_revise()
    }

    /// The next better lane and why it is asked. A hard reason counts where the first one does not.
    fn better(&self) -> Option<(Trigger, usize)> {
        let plan = &self.params.escalation;
        let slow = || self.is_slow().then_some(Trigger::Latency);
        let hard = || {
            let hard = plan.on.iter().copied().filter(|trigger| trigger.is_hard());
            self.doubt_of(&hard.collect::<Vec<_>>())
        };
        let with = |trigger: Trigger| {
            let mut left = self.next_better..plan.to.len();
            Some((trigger, left.find(|at| self.is_worth(trigger, &plan.to[*at]))?))
        };
        self.doubt()
            .or_else(slow)
            .and_then(with)
            .or_else(|| hard().and_then(with))
    }

    /// The economic rule (routing.md section 13).
    fn is_worth(&self, trigger: Trigger, better: &LanePlan) -> bool {
        let plan = &self.params.escalation;
        let Some(prospect) = better.prospect.filter(|_| !trigger.is_hard()) else {
            return trigger.is_hard() || !plan.is_hard_only;
        };
        let left = match (trigger, self.params.latency_slo_ms) {
            (Trigger::Latency, Some(slo_ms)) => slo_ms.min(self.params.deadline_ms),
            _ => self.params.deadline_ms,
        };
        let left_ms = left.saturating_sub(self.elapsed());
        !plan.is_hard_only && plan.stakes.are_worth(self.chance(), &prospect, left_ms)
    }

    /// The chance that the result so far is right. Confidence that an adapter states of itself counts no more than the
    /// agreement of its lanes, and without a result there is no chance.
    fn chance(&self) -> f64 {
        let Some(view) = &self.view else { return 0.0 };
        let Ok(outcome) = &view.outcome else { return 0.0 };
        let known = outcome.confidence.into_iter().chain(view.agreement);
        chance(known.reduce(f64::min).unwrap_or(0.5))
    }

    /// Why a doubted result stays though somebody could be asked.
    pub(super) fn withheld(&self) -> Option<(Trigger, Withheld)> {
        let trigger = self.doubt().filter(|_| self.has_better())?;
        match self.better() {
            Some(_) => None,
            None if self.params.escalation.is_hard_only => Some((trigger, Withheld::Storm)),
            None => Some((trigger, Withheld::Uneconomic)),
        }
    }

    /// Asks the next better lane.
    pub(super) fn escalate(&mut self) {
        let Some((trigger, at)) = self.better() else {
            return;
        };
        let plan = self.params.escalation.to[at].clone();
        self.next_better = at + 1;
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
