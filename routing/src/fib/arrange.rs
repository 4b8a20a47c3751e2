//! One order for candidates, whatever order they came in, and the hash of them all.

use std::cmp::Ordering;
use std::sync::Arc;

use super::candidate::Candidate;

/// Most candidates of a table.
pub const TABLE_MAX: usize = 65_536;

/// What a model of unknown quality is taken for.
const QUALITY_PRIOR: f64 = 0.7;

/// Sorted by id, each id once, at most [`TABLE_MAX`]; and how many were left out.
pub(super) fn arrange(mut candidates: Vec<Arc<Candidate>>) -> (Vec<Arc<Candidate>>, usize) {
    candidates.sort_by(|a, b| {
        a.id.cmp(&b.id)
            .then_with(|| a.liveness.rank().cmp(&b.liveness.rank()))
            .then_with(|| bytes(a).cmp(&bytes(b)))
    });
    candidates.dedup_by(|later, first| later.id == first.id);
    let dropped = candidates.len().saturating_sub(TABLE_MAX);
    if dropped > 0 {
        candidates.sort_by(|a, b| static_order(a, b));
        candidates.truncate(TABLE_MAX);
        candidates.sort_by(|a, b| a.id.cmp(&b.id));
    }
    (candidates, dropped)
}

/// Which candidates to keep when there are too many: those that serve, then by predicted quality, price and id.
pub(super) fn static_order(a: &Candidate, b: &Candidate) -> Ordering {
    let quality = |candidate: &Candidate| candidate.quality_pred.unwrap_or(QUALITY_PRIOR);
    let dearest = |candidate: &Candidate| candidate.price.input.max(candidate.price.output);
    a.lifecycle
        .cmp(&b.lifecycle)
        .then_with(|| quality(b).total_cmp(&quality(a)))
        .then_with(|| dearest(a).cmp(&dearest(b)))
        .then_with(|| a.id.cmp(&b.id))
}

/// blake3 over all candidates, each behind its length.
pub(super) fn hash(candidates: &[Arc<Candidate>]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for candidate in candidates {
        let bytes = bytes(candidate);
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }
    *hasher.finalize().as_bytes()
}

/// A candidate as bytes: all of it and its health, without the times that only one node knows.
fn bytes(candidate: &Candidate) -> Vec<u8> {
    serde_json::to_vec(&(candidate, candidate.liveness.health()))
        .expect("a candidate is strings, numbers and lists of them")
}
