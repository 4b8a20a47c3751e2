//! Why a decision is as it is: kept compact, written out when somebody asks (routing.md section 28).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;
use smallvec::SmallVec;

use super::asked::Chooser;
use super::consider::{Considered, Verdict};
use super::decide::Decision;
use super::input::Input;
use super::lane::{Lane, Plan, Spare};
use super::score::Components;
use crate::fib::{Fib, Slot};
use crate::policy::{Matched, Relaxation, Why};

/// How a decision came about. One word a candidate; names are looked up when it is written out.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The policy that applied.
    pub policy: Arc<str>,
    /// The version of its set.
    pub policy_version: u64,
    /// Why it and no other.
    pub why: Why,
    /// Constraints that gave way, in this order.
    pub relaxations: SmallVec<[Relaxation; 3]>,
    /// Keys of the policy that matched.
    pub keys: SmallVec<[Arc<str>; 4]>,
    fib: Arc<Fib>,
    pub(super) chooser: Option<Chooser>,
    pub(super) considered: Vec<Considered>,
    pub(super) dropped: SmallVec<[Slot; 4]>,
}

impl Explanation {
    pub(super) fn new(input: &Input<'_>, matched: &Matched, fib: &Arc<Fib>) -> Self {
        Self {
            policy: Arc::clone(&matched.policy.id),
            policy_version: input.policy_version,
            why: matched.why,
            relaxations: SmallVec::new(),
            keys: matched.policy.keys().cloned().collect(),
            fib: Arc::clone(fib),
            chooser: None,
            considered: Vec::new(),
            dropped: SmallVec::new(),
        }
    }

    /// blake3 of the FIB it was made from.
    #[must_use]
    pub fn fib_hash(&self) -> &[u8; 32] {
        self.fib.hash()
    }
}

impl Decision {
    /// One line for a header: `policy=…;strategy=…;primary=…;why=…`, visible ASCII only.
    #[must_use]
    pub fn route_reason(&self) -> String {
        let mut line = format!("policy={}", self.explanation.policy);
        match &self.outcome {
            Ok(plan) => {
                let primary = plan.primary();
                let name = shown(primary);
                let why = self.why(plan);
                let _ = write!(line, ";strategy={};primary={name};why={why}", plan.strategy);
            }
            Err(refusal) => {
                let _ = write!(line, ";refused={}", refusal.code);
            }
        }
        // Model names come from adapters and may hold anything.
        line.chars()
            .map(|c| if c.is_ascii_graphic() { c } else { '_' })
            .collect()
    }

    fn why(&self, plan: &Plan) -> String {
        match self.explanation.chooser {
            Some(Chooser::Name) => "named".to_owned(),
            Some(Chooser::Personas) => "personas".to_owned(),
            Some(Chooser::Policy) | None => match self.score(plan.primary()) {
                Some(score) => format!("score:{score:.2}"),
                None => "policy".to_owned(),
            },
        }
    }

    fn score(&self, lane: &Lane) -> Option<f64> {
        let explanation = &self.explanation;
        explanation
            .considered
            .iter()
            .find(|considered| *explanation.fib.candidate(considered.slot) == lane.candidate)
            .and_then(Considered::scored)
            .map(|scored| scored.score)
    }

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

/// The adapter, with its model where that says more.
fn shown(lane: &Lane) -> String {
    let candidate = &lane.candidate;
    if *candidate.model == *candidate.adapter.as_str() {
        return candidate.name().to_owned();
    }
    format!("{}/{}", candidate.name(), candidate.model)
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

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
