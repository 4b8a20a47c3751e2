//! The decision: policy, candidates, filters, scores, lanes, spares (routing.md section 1).

use std::sync::Arc;

use atp_protocol::units::Amount;
use smallvec::SmallVec;

use super::asked::{Asked, Chooser, Seat};
use super::choose::{Choice, choose};
use super::consider::{Field, Slots};
use super::economy::Stakes;
use super::explain::Explanation;
use super::filter::Limits;
use super::fit::{fit, primary};
use super::input::{Conditions, Input};
use super::lane::{Lane, Plan};
use super::refusal::Refusal;
use super::spares::{escalation, fallbacks};
use super::trace::Trace;
use crate::fib::Fib;
use crate::policy::{Attributes, Matched, Objective, Policy, PolicySet, Relaxation};
use crate::reconcile::{Demand, Strategy};

/// With less time than this for the whole, reconciling must be quick, in milliseconds (atp.md section 20).
const TIME_PRESSURE_MS: u64 = 10_000;

/// A plan or a refusal, and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What to do.
    pub outcome: Result<Plan, Refusal>,
    /// Why.
    pub explanation: Explanation,
}

/// Decides who does the work of a request.
///
/// The same inputs give the same decision on every node; the order in which adapters registered or a document lists its
/// tables changes nothing. What the client names goes before the policy's fan-out, but no constraint of the policy gives
/// way to it.
#[must_use]
pub fn decide(
    input: &Input<'_>,
    policies: &PolicySet,
    fib: &Arc<Fib>,
    conditions: &dyn Conditions,
) -> Decision {
    let matched = policies.select(&Attributes::new(input.request, input.region));
    let mut explanation = Explanation::new(input, &matched, fib);
    let outcome = Stages {
        input,
        policies,
        policy: &matched.policy,
        fib,
        conditions,
    }
    .run(&matched, &mut explanation);
    Decision { outcome, explanation }
}

/// The same decision as text: every candidate with its reason or components, and the plan.
#[must_use]
pub fn whatif(input: &Input<'_>, policies: &PolicySet, fib: &Arc<Fib>, conditions: &dyn Conditions) -> Trace {
    decide(input, policies, fib, conditions).trace()
}

struct Stages<'a> {
    input: &'a Input<'a>,
    policies: &'a PolicySet,
    policy: &'a Policy,
    fib: &'a Fib,
    conditions: &'a dyn Conditions,
}

impl Stages<'_> {
    fn run(&self, matched: &Matched, explanation: &mut Explanation) -> Result<Plan, Refusal> {
        let strategy = self.strategy()?;
        let mut asked = Asked::new(self.input, self.policies, self.policy, self.fib)?;
        explanation.chooser = Some(asked.chooser);
        let (field, limits) = self.consider(&asked, explanation);
        if !has_survivor(&asked, &field) {
            asked.seats.extend(asked.reserve.take());
        }
        let outcome = self.seat(matched, &asked, &field, &limits, strategy, explanation);
        explanation.considered = field.considered;
        outcome
    }

    /// Chooses lanes and keeps as many as fit together.
    fn seat(
        &self,
        matched: &Matched,
        asked: &Asked<'_>,
        field: &Field,
        limits: &Limits,
        strategy: Strategy,
        explanation: &mut Explanation,
    ) -> Result<Plan, Refusal> {
        let mut choice = self.choose(asked, field);
        let window = self.input.window.narrowed(self.policy.window);
        let dropped =
            fit(&mut choice, asked, self.budget(), window).ok_or_else(Refusal::too_many_required)?;
        let plan = self.plan(matched, asked, field, &choice, limits, strategy);
        explanation
            .dropped
            .extend(dropped.iter().map(|lane| lane.survivor.slot));
        plan.ok_or_else(|| Refusal::no_route(&self.policy.id, field))
    }

    /// The request's own strategy, else the policy's.
    fn strategy(&self) -> Result<Strategy, Refusal> {
        match self.input.request.meta.reconciliation.as_deref() {
            None => Ok(self.policy.strategy),
            Some(name) => Strategy::parse(name).map_err(|error| Refusal::bad_input(error.to_string())),
        }
    }

    /// The strategy for so many lanes, with the adaptive one resolved (atp.md section 20).
    fn resolved(&self, strategy: Strategy, lanes: usize, limits: &Limits) -> Strategy {
        if strategy != Strategy::Adaptive {
            return strategy;
        }
        let demand = Demand {
            time_pressure: self.input.request.deadline_ms < TIME_PRESSURE_MS,
            quality: limits.quality_floor,
            cost_sensitivity: f64::from(u8::from(self.policy.objective == Objective::Cost)),
            personas: lanes,
        };
        self.conditions.strategy(&self.policy.id, &demand)
    }

    /// Most the request may cost is its ceiling, or the policy's budget where that is less.
    fn stakes(&self, limits: &Limits) -> Stakes {
        let budget = Some(self.policy.budget.usd_micros).filter(|usd_micros| *usd_micros != u64::MAX);
        let ceiling = limits.cost_ceiling.into_iter().chain(budget).min();
        Stakes::new(self.policy.value_usd_micros, ceiling, limits.slo_ms)
    }

    /// Filters and scores everybody; where nobody is left, again with one more constraint relaxed.
    fn consider(&self, asked: &Asked<'_>, explanation: &mut Explanation) -> (Field, Limits) {
        let mut limits = Limits::new(self.input.request, self.policy);
        let mut field = self.field(asked, &limits);
        for relaxation in Relaxation::ALL {
            if has_survivor(asked, &field) {
                break;
            }
            if self.policy.relax.contains(&relaxation) {
                limits.relax(relaxation, self.input.tenant_max_usd_micros);
                explanation.relaxations.push(relaxation);
                field = self.field(asked, &limits);
            }
        }
        (field, limits)
    }

    fn field(&self, asked: &Asked<'_>, limits: &Limits) -> Field {
        let mut slots = Slots::new();
        for seat in &asked.seats {
            slots.extend(seat.slots.iter().map(|slot| (*slot, seat.tier)));
        }
        if let Some(reserve) = &asked.reserve {
            let tier = reserve.tier;
            slots.extend(reserve.slots.iter().map(|slot| (*slot, tier)));
            for target in &self.policy.escalation.to {
                slots.extend(self.fib.slots(target.as_str()).iter().map(|slot| (*slot, tier)));
            }
        }
        Field::new(self.input, self.policy, self.fib, self.conditions, limits, slots)
    }

    fn choose<'f>(&self, asked: &Asked<'_>, field: &'f Field) -> Choice<'f> {
        let tier = self.input.request.tier;
        let wanted = self.policy.k.unwrap_or(asked.seats.len());
        let lanes_max = wanted
            .min(self.policies.fanout_caps().of(tier))
            .min(self.input.lanes_max)
            .max(1);
        choose(asked, field, self.fib, self.conditions, lanes_max)
    }

    fn budget(&self) -> Amount {
        self.input.available.min(self.policy.budget)
    }

    /// `None` when nobody is left, or nobody for a persona that must be heard.
    fn plan(
        &self,
        matched: &Matched,
        asked: &Asked<'_>,
        field: &Field,
        choice: &Choice<'_>,
        limits: &Limits,
        strategy: Strategy,
    ) -> Option<Plan> {
        let primary = primary(choice)?;
        let is_served = |at: usize| choice.lanes.iter().any(|lane| lane.seat == at);
        let unserved = || asked.seats.iter().enumerate().filter(|(at, _)| !is_served(*at));
        if unserved().any(|(_, seat)| seat.is_required) {
            return None;
        }
        let tier = self.input.request.tier;
        let is_policys = asked.chooser == Chooser::Policy;
        Some(Plan {
            lanes: choice
                .lanes
                .iter()
                .map(|placed| {
                    let seat: &Seat<'_> = &asked.seats[placed.seat];
                    Lane {
                        candidate: Arc::clone(self.fib.candidate(placed.survivor.slot)),
                        persona: seat.persona.clone(),
                        clone: placed.clone,
                        tier: seat.tier,
                        weight: seat.weight,
                        is_required: seat.is_required,
                        need: placed.survivor.scored.need,
                        seat: placed.seat,
                    }
                })
                .collect(),
            primary,
            fallbacks: fallbacks(asked, choice, field, self.fib),
            escalation: if is_policys {
                escalation(self.policy, choice, field, self.fib, tier)
            } else {
                SmallVec::new()
            },
            strategy: self.resolved(strategy, choice.lanes.len(), limits),
            budget: self.budget(),
            deadline_ms: self.input.request.deadline_ms,
            slo_ms: limits.slo_ms as u64,
            thresholds: self.policy.thresholds,
            stakes: self.stakes(limits),
            is_adaptive: strategy == Strategy::Adaptive,
            unserved: unserved().filter_map(|(_, seat)| seat.persona.clone()).collect(),
            is_truncated: choice.is_truncated,
            policy: Arc::clone(&matched.policy),
        })
    }
}

fn has_survivor(asked: &Asked<'_>, field: &Field) -> bool {
    asked
        .seats
        .iter()
        .any(|seat| super::choose::survivors(seat, field).next().is_some())
}
