//! Scoring (routing.md section 7): seven components with absolute anchors.
//!
//! A component depends on its own candidate and the request only, so adding or removing a candidate changes no other's.

use atp_protocol::request::TaskMeta;
use serde::Serialize;

use super::filter::Limits;
use super::input::{Condition, Input};
use super::need::Need;
use crate::fib::{Candidate, holds};
use crate::policy::Weights;

/// What is wanted of a request that names no task: a conversation.
const CONVERSATION: &str = "chat";

/// Strength of the prior on past success, in calls.
const SUCCESS_KAPPA: f64 = 20.0;

/// Success rate to expect of the unknown.
const SUCCESS_PRIOR: f64 = 0.7;

/// Ceiling that anchors the cost of a request without one (atp.md 7.2), in micro-dollars.
const COST_ANCHOR_USD_MICROS: u64 = 50_000;

/// Estimate error and underestimate rate to expect of the unknown (routing.md section 6).
const MAPE_PRIOR: f64 = 0.35;
const UNDER_PRIOR: f64 = 0.2;

/// From so many samples on the router's own latency counts beside the reported one, at 70 %.
const OWN_LATENCY_SAMPLES: u64 = 50;
const OWN_LATENCY_SHARE: f64 = 0.7;

/// The components of a score, each 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Components {
    /// Fit of its capabilities to what is wanted.
    pub cap: f64,
    /// Past success.
    pub perf: f64,
    /// Guard-banded cost.
    pub cost: f64,
    /// 95th percentile latency.
    pub lat: f64,
    /// Room in the context.
    pub ctx: f64,
    /// Accuracy of its estimates.
    pub pred: f64,
    /// How seldom it underestimates.
    pub safe: f64,
}

/// What speaks for a candidate or against it from before, written out for whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Past {
    /// Share of its calls that succeed, drawn towards what is usual while they are few.
    success: f64,
    /// Reputation of the persona it carries out.
    #[serde(skip_serializing_if = "Option::is_none")]
    reputation: Option<f64>,
    /// What its cost counts times, because a lane of it has just outgrown its reservation.
    #[serde(skip_serializing_if = "Option::is_none")]
    surcharge: Option<f64>,
    /// Offered one tier lower for underestimating too often.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    downgraded: bool,
}

impl Past {
    pub(super) fn of(condition: &Condition) -> Self {
        let parent = share_or(condition.parent_success, 1.0, SUCCESS_PRIOR);
        let calls = share_or(Some(condition.calls), f64::MAX, 0.0);
        let successes = share_or(Some(condition.successes), calls, 0.0);
        Self {
            success: (successes + SUCCESS_KAPPA * parent) / (calls + SUCCESS_KAPPA),
            reputation: condition
                .reputation
                .filter(|reputation| (0.0..=1.0).contains(reputation)),
            surcharge: Some(condition.surcharge).filter(|factor| *factor > 1.0),
            downgraded: condition.is_downgraded,
        }
    }
}

impl Components {
    pub(super) fn new(
        input: &Input<'_>,
        limits: &Limits,
        candidate: &Candidate,
        condition: &Condition,
        need: &Need,
    ) -> Self {
        Self {
            cap: capability(input.required, &input.request.meta, candidate),
            perf: performance(&Past::of(condition)),
            cost: cost(
                need.effective.usd_micros,
                condition.surcharge,
                limits.cost_ceiling,
            ),
            lat: p95_ms(candidate, condition).map_or(0.5, |p95| 1.0 / (1.0 + (p95 / limits.slo_ms).powi(3))),
            ctx: context(need.mean.tokens, candidate.context_tokens),
            pred: 1.0 / (1.0 + share_or(condition.mape.map(|mape| mape.tokens), f64::MAX, MAPE_PRIOR)),
            safe: 1.0 - share_or(condition.under_rate, 1.0, UNDER_PRIOR).min(0.5),
        }
    }

    /// The weighted sum.
    #[must_use]
    pub fn score(&self, weights: &Weights) -> f64 {
        weights.capability * self.cap
            + weights.performance * self.perf
            + weights.cost * self.cost
            + weights.latency * self.lat
            + weights.context * self.ctx
            + weights.predictability * self.pred
            + weights.safety * self.safe
    }
}

/// 95th percentile latency in milliseconds: measured and reported blended, else what is known, else what the model is
/// registered with.
pub(super) fn p95_ms(candidate: &Candidate, condition: &Condition) -> Option<f64> {
    let usable = |ms: &f64| ms.is_finite() && *ms >= 0.0;
    let own = condition.p95_ms.filter(usable);
    let reported = candidate
        .liveness
        .health()
        .and_then(|health| health.p95_latency_ms)
        .filter(usable);
    match (own, reported) {
        (Some(own), Some(reported)) if condition.p95_samples >= OWN_LATENCY_SAMPLES => {
            Some(OWN_LATENCY_SHARE * own + (1.0 - OWN_LATENCY_SHARE) * reported)
        }
        (own, reported) => reported.or(own).or(candidate.est_latency_ms.map(|ms| ms as f64)),
    }
}

/// A finite figure from 0 to `max`, else the prior.
fn share_or(figure: Option<f64>, max: f64, prior: f64) -> f64 {
    figure
        .filter(|figure| (0.0..=max).contains(figure))
        .unwrap_or(prior)
}

/// Share of what is wanted that the candidate is good at: what the surface requires, else the task, else a conversation.
fn capability(required: &[&str], meta: &TaskMeta, candidate: &Candidate) -> f64 {
    let has = |word: &str| holds(&candidate.capabilities, word);
    if !required.is_empty() {
        return required.iter().filter(|word| has(word)).count() as f64 / required.len() as f64;
    }
    f64::from(u8::from(has(meta.task_type.as_deref().unwrap_or(CONVERSATION))))
}

fn performance(past: &Past) -> f64 {
    past.success * past.reputation.map_or(1.0, |reputation| 0.5 + 0.5 * reputation)
}

/// Logarithmic between nothing and the ceiling, where it is 0.
fn cost(usd_micros: u64, surcharge: f64, ceiling: Option<u64>) -> f64 {
    let surcharge = if surcharge.is_finite() {
        surcharge.max(1.0)
    } else {
        1.0
    };
    let cost = usd_micros as f64 * surcharge;
    let ceiling = ceiling.unwrap_or(COST_ANCHOR_USD_MICROS) as f64;
    if ceiling <= 0.0 {
        return f64::from(u8::from(cost <= 0.0));
    }
    let reference = ceiling / 100.0;
    (1.0 - (cost / reference).ln_1p() / (ceiling / reference).ln_1p()).clamp(0.0, 1.0)
}

/// 1 up to half of the context, 0 at 95 % of it.
fn context(tokens: u64, context_tokens: Option<u64>) -> f64 {
    let Some(context) = context_tokens else {
        return 1.0;
    };
    let filled = tokens as f64 / context.max(1) as f64;
    ((0.95 - filled) / 0.45).clamp(0.0, 1.0)
}
