//! Whose own estimate would count in a decision (atp.md 17.1).

use std::cmp::Ordering;
use std::sync::Arc;

use super::consider::{Considered, Verdict};
use super::decide::Decision;
use super::reason::Reason;
use crate::fib::Candidate;

/// Most adapters asked about one request; for the rest the router's own estimate stands.
const ASKED_MAX: usize = 16;

impl Decision {
    /// Candidates that answer estimates and were chosen from, or rejected only because of what they would take; each model of
    /// an adapter once, best first, at most [`ASKED_MAX`]. Empty for most requests, at the cost of one look at each candidate.
    #[must_use]
    pub fn estimators(&self) -> Vec<Arc<Candidate>> {
        let explanation = &self.explanation;
        let candidate = |considered: &Considered| explanation.fib.candidate(considered.slot);
        let mut asked: Vec<&Considered> = explanation
            .considered
            .iter()
            .filter(|considered| candidate(considered).estimates && depends_on_need(&considered.verdict))
            .collect();
        asked.sort_by(|a, b| best_first(a, b));
        let mut estimators: Vec<Arc<Candidate>> = Vec::new();
        for considered in asked {
            let next = candidate(considered);
            let is_same = |have: &Arc<Candidate>| have.adapter == next.adapter && have.model == next.model;
            if estimators.len() < ASKED_MAX && !estimators.iter().any(is_same) {
                estimators.push(Arc::clone(next));
            }
        }
        estimators
    }
}

fn depends_on_need(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Scored(_) => true,
        Verdict::Rejected(reason) => matches!(
            reason,
            Reason::ContextOverflow | Reason::Window | Reason::CostCeiling | Reason::Budget
        ),
    }
}

fn best_first(a: &Considered, b: &Considered) -> Ordering {
    let score = |considered: &Considered| considered.scored().map_or(f64::MIN, |scored| scored.score);
    score(b).total_cmp(&score(a)).then_with(|| a.slot.cmp(&b.slot))
}
