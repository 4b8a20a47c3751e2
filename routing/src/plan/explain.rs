//! Why a decision is as it is, kept compact; and the one line of it that fits a header.

use std::fmt::Write as _;
use std::sync::Arc;

use smallvec::SmallVec;

use super::asked::Chooser;
use super::consider::Considered;
use super::decide::Decision;
use super::input::Input;
use super::lane::{Lane, Plan};
use crate::fib::{Fib, Slot};
use crate::policy::{Matched, Relaxation, Why};

/// Longest header line in characters; the rest is cut.
const LINE_MAX: usize = 512;

/// How a decision came about: one small entry a candidate; names are looked up when it is written out.
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
    pub(super) fib: Arc<Fib>,
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
            .take(LINE_MAX)
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
}

/// The adapter, with its model where that says more.
fn shown(lane: &Lane) -> String {
    let candidate = &lane.candidate;
    if *candidate.model == *candidate.adapter.as_str() {
        return candidate.name().to_owned();
    }
    format!("{}/{}", candidate.name(), candidate.model)
}
