//! Every candidate of a request, filtered, estimated and scored once.

use std::cmp::Ordering;

use atp_protocol::request::Demand;
use atp_protocol::units::Tier;
use smallvec::SmallVec;

use super::filter::{Facts, Limits, exceeds_policy_window, first_reason};
use super::input::{Conditions, Input};
use super::need::{Need, need};
use super::reason::{Histogram, Reason};
use super::score::{Components, Past, p95_ms};
use crate::fib::{Fib, Slot};
use crate::policy::{Lifecycle, Policy};

/// Candidates to consider, each for a tier; on the stack for as many as are usual.
pub(super) type Slots = SmallVec<[(Slot, Tier); 64]>;

/// A candidate and what became of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Considered {
    pub(super) slot: Slot,
    pub(super) tier: Tier,
    pub(super) verdict: Verdict,
}

/// What became of a candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    Rejected(Reason),
    Scored(Scored),
}

/// A candidate that passed every filter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scored {
    pub(super) components: Components,
    pub(super) score: f64,
    pub(super) need: Need,
    pub(super) p95_ms: Option<f64>,
    pub(super) past: Past,
    /// Goes behind every candidate that is no reserve: of the fallback stage, offered a tier lower than this one, or called
    /// so often that its next turn has to be waited for.
    pub(super) is_reserve: bool,
}

impl Considered {
    pub(super) const fn scored(&self) -> Option<&Scored> {
        match &self.verdict {
            Verdict::Scored(scored) => Some(scored),
            Verdict::Rejected(_) => None,
        }
    }
}

/// All candidates of a decision, in order of id and tier.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) considered: Vec<Considered>,
    /// Soonest half-open time of an open circuit, in milliseconds.
    pub(super) breaker_opens_ms: Option<u64>,
    /// Some candidate was rejected for a window that may have room later.
    pub(super) may_find_room: bool,
}

impl Field {
    /// Considers the candidates at `slots`, each for a tier; repetitions are considered once.
    pub(super) fn new(
        input: &Input<'_>,
        policy: &Policy,
        fib: &Fib,
        conditions: &dyn Conditions,
        limits: &Limits,
        mut slots: Slots,
    ) -> Self {
        slots.sort_unstable();
        slots.dedup();
        let text_bytes = input.request.content.text_bytes();
        let demands: SmallVec<[Demand; 3]> = input.request.demands().collect();
        let mut breaker_opens_ms: Option<u64> = None;
        let mut may_find_room = false;
        let considered = slots
            .into_iter()
            .map(|(slot, tier)| {
                let candidate = fib.candidate(slot);
                let condition = conditions.condition(candidate);
                if let Some(ms) = condition.breaker_open_ms {
                    breaker_opens_ms = Some(breaker_opens_ms.map_or(ms, |soonest| soonest.min(ms)));
                }
                let need = need(input, text_bytes, candidate, &condition, conditions, tier);
                let facts = Facts {
                    input,
                    policy,
                    limits,
                    candidate,
                    condition: &condition,
                    need: &need,
                    demands: &demands,
                    tier,
                };
                let verdict = match first_reason(&facts) {
                    Some(reason) => {
                        may_find_room |= reason == Reason::Window && !exceeds_policy_window(&facts);
                        Verdict::Rejected(reason)
                    }
                    None => Verdict::Scored(score(&facts)),
                };
                Considered { slot, tier, verdict }
            })
            .collect();
        Self {
            considered,
            breaker_opens_ms,
            may_find_room,
        }
    }

    /// What became of a candidate for a tier.
    pub(super) fn get(&self, slot: Slot, tier: Tier) -> Option<&Considered> {
        self.considered
            .binary_search_by_key(&(slot, tier), |considered| (considered.slot, considered.tier))
            .ok()
            .map(|at| &self.considered[at])
    }

    /// The candidate, if it passed every filter.
    pub(super) fn survivor(&self, slot: Slot, tier: Tier) -> Option<Survivor<'_>> {
        let scored = self.get(slot, tier)?.scored()?;
        Some(Survivor { slot, scored })
    }

    pub(super) fn histogram(&self) -> Histogram {
        let mut histogram = Histogram::default();
        for considered in &self.considered {
            if let Verdict::Rejected(reason) = considered.verdict {
                histogram.add(reason);
            }
        }
        histogram
    }
}

fn score(facts: &Facts<'_>) -> Scored {
    let candidate = facts.candidate;
    let components = Components::new(facts.input, facts.limits, candidate, facts.condition, facts.need);
    let freshness = candidate
        .liveness
        .freshness(facts.input.now)
        .expect("a withdrawn candidate was rejected as unhealthy");
    let best_tier = Tier::ALL.into_iter().find(|tier| candidate.serves(*tier));
    Scored {
        components,
        score: components.score(&facts.policy.weights) * freshness,
        need: *facts.need,
        p95_ms: p95_ms(candidate, facts.condition),
        past: Past::of(facts.condition),
        is_reserve: candidate.lifecycle == Lifecycle::Fallback
            || facts.condition.turn_ms > 0
            || (facts.condition.is_downgraded && best_tier == Some(facts.tier)),
    }
}

/// A candidate that may be chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Survivor<'f> {
    pub(super) slot: Slot,
    pub(super) scored: &'f Scored,
}

impl Survivor<'_> {
    /// Best first: no reserve, then score, then cost, then id, of which slots have the order.
    pub(super) fn rank(&self, other: &Self) -> Ordering {
        let (a, b) = (self.scored, other.scored);
        a.is_reserve
            .cmp(&b.is_reserve)
            .then_with(|| b.score.total_cmp(&a.score))
            .then_with(|| a.need.effective.usd_micros.cmp(&b.need.effective.usd_micros))
            .then_with(|| self.slot.cmp(&other.slot))
    }
}
