//! A decision written out for whoever asks (routing.md section 28).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

use super::consider::Verdict;
use super::decide::Decision;
use super::lane::{Plan, Spare};
use super::score::{Components, Past};
use crate::fib::Slot;
use crate::policy::Relaxation;

/// A decision written out, in the member names of the decision record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    policy: PolicyTrace,
    fib_hash: String,
    relaxations: Vec<Relaxation>,
    /// Why each rejected candidate was, by id.
    filters: BTreeMap<Arc<str>, &'static str>,
    /// Candidates that passed, in order of id.
    candidates: Vec<CandidateTrace>,
    /// Lanes that did not fit beside the better ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dropped: Vec<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<PlanTrace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<RefusalTrace>,
    route_reason: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct PolicyTrace {
    id: Arc<str>,
    version: u64,
    why: String,
    keys: Vec<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct CandidateTrace {
    id: Arc<str>,
    tier: &'static str,
    u: Components,
    past: Past,
    score: f64,
    eff_tokens: u64,
    eff_usd_micros: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    p95_ms: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct PlanTrace {
    primary: Arc<str>,
    fanout: Vec<LaneTrace>,
    fallbacks: Vec<Arc<str>>,
    escalation: Vec<Arc<str>>,
    strategy: &'static str,
    deadline_ms: u64,
    effective_tokens: u64,
    effective_usd_micros: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unserved: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct LaneTrace {
    id: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    persona: Option<String>,
    clone: u32,
    tier: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct RefusalTrace {
    code: &'static str,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl PlanTrace {
    fn new(plan: &Plan) -> Self {
        let ids = |spares: &[Spare]| {
            spares
                .iter()
                .map(|spare| Arc::clone(&spare.candidate.id))
                .collect()
        };
        let effective = plan.effective();
        Self {
            primary: Arc::clone(&plan.primary().candidate.id),
            fanout: plan
                .lanes
                .iter()
                .map(|lane| LaneTrace {
                    id: Arc::clone(&lane.candidate.id),
                    persona: lane.persona.as_ref().map(ToString::to_string),
                    clone: lane.clone,
                    tier: lane.tier.as_str(),
                })
                .collect(),
            fallbacks: ids(&plan.fallbacks),
            escalation: ids(&plan.escalation),
            strategy: plan.strategy.as_str(),
            deadline_ms: plan.deadline_ms,
            effective_tokens: effective.tokens,
            effective_usd_micros: effective.usd_micros,
            unserved: plan.unserved.iter().map(ToString::to_string).collect(),
            truncated: plan.is_truncated,
        }
    }
}

impl Decision {
    /// The whole decision written out. Equal decisions give equal text.
    #[must_use]
    pub fn trace(&self) -> Trace {
        let explanation = &self.explanation;
        let id = |slot: Slot| Arc::clone(&explanation.fib.candidate(slot).id);
        let mut filters = BTreeMap::new();
        let mut candidates = Vec::new();
        for considered in &explanation.considered {
            match &considered.verdict {
                Verdict::Rejected(reason) => {
                    filters.insert(id(considered.slot), reason.as_str());
                }
                Verdict::Scored(scored) => candidates.push(CandidateTrace {
                    id: id(considered.slot),
                    tier: considered.tier.as_str(),
                    u: scored.components,
                    past: scored.past,
                    score: scored.score,
                    eff_tokens: scored.need.effective.tokens,
                    eff_usd_micros: scored.need.effective.usd_micros,
                    p95_ms: scored.p95_ms,
                }),
            }
        }
        Trace {
            policy: PolicyTrace {
                id: Arc::clone(&explanation.policy),
                version: explanation.policy_version,
                why: explanation.why.to_string(),
                keys: explanation.keys.to_vec(),
            },
            fib_hash: hex(explanation.fib_hash()),
            relaxations: explanation.relaxations.to_vec(),
            filters,
            candidates,
            dropped: explanation.dropped.iter().map(|slot| id(*slot)).collect(),
            plan: self.outcome.as_ref().ok().map(PlanTrace::new),
            refusal: self.outcome.as_ref().err().map(|refusal| RefusalTrace {
                code: refusal.code.as_str(),
                detail: refusal.detail.clone(),
                retry_after_ms: refusal.retry_after_ms,
            }),
            route_reason: self.route_reason(),
        }
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
