//! One answer out of several lanes' (atp.md section 20): one file a strategy.
//!
//! [`Strategy::is_ready`] says when, [`reconcile`] does it. The result depends on the lanes, not on the order they are
//! listed in: they are taken by [`LaneAnswer::index`]. Design D12: the outcome says whether findings or mere words were
//! compared.
//!
//! At the bounds: merged text is cut after [`Params::max_text_bytes`] and at most [`MAX_UNCERTAINTIES`] are listed, both
//! with a line that says so.

mod adaptive;
mod answer;
mod arbiter;
mod consensus;
mod failure;
mod fields;
mod first_win;
mod lane;
mod merge;
mod outcome;
mod standing;
mod strategy;
mod two_phase;
mod union_tiebreak;
mod weight;
mod weighted_merge;

pub use adaptive::{Demand, choose};
pub use answer::{Answer, Part};
pub use arbiter::{Refusal, Rewrite, accept};
pub use failure::Unreconciled;
pub use lane::{LaneAnswer, agreement, likeness};
pub use outcome::{Consensus, MAX_UNCERTAINTIES, Outcome, Reason};
pub use standing::{Sample, Standing};
pub use strategy::{Census, Strategy, UnknownStrategy};
pub use weight::Weight;

use lane::Field;

/// What a reconciliation is judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// FINALIZED lanes that make a quorum, where there is more than one lane.
    pub quorum_min: usize,
    /// Lanes that were admitted, whatever became of them.
    pub lanes: usize,
    /// Those of them that ended without an answer.
    pub lanes_failed: usize,
    /// Agreement below which answers diverge and an arbiter is wanted.
    pub agree_min: f64,
    /// Most bytes of merged text.
    pub max_text_bytes: usize,
}

/// Makes one answer of the lanes that have one.
///
/// [`Strategy::Adaptive`] is resolved by [`Standing::strategy`] beforehand and behaves as first-win here.
///
/// # Errors
/// Says what the strategy lacks; the session then escalates, asks an arbiter or ends with `ECONSENSUS`.
pub fn reconcile(
    strategy: Strategy,
    lanes: &[LaneAnswer<'_>],
    params: &Params,
) -> Result<Outcome, Unreconciled> {
    let field = Field::of(lanes, params);
    if field.lanes.is_empty() {
        return Err(Unreconciled::NoAnswer);
    }
    match strategy {
        Strategy::FirstWin | Strategy::Adaptive => first_win::reconcile(&field, Reason::FirstFinal),
        Strategy::Consensus => consensus::reconcile(&field),
        Strategy::WeightedMerge => weighted_merge::reconcile(&field),
        Strategy::UnionTiebreak => union_tiebreak::reconcile(&field),
        Strategy::TwoPhase => two_phase::reconcile(&field),
        Strategy::Arbiter => arbiter::reconcile(&field),
    }
}

#[cfg(test)]
mod tests;
