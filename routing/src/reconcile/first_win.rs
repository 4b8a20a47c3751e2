//! First-win: the lane that ended first (atp.md section 20).
//!
//! A lane asked because earlier answers were in doubt goes before those it was asked to replace.

use std::cmp::Reverse;

use super::failure::Unreconciled;
use super::lane::{Field, LaneAnswer};
use super::outcome::{Outcome, Reason};
use super::strategy::Strategy;

pub(super) fn reconcile(field: &Field<'_>, reason: Reason) -> Result<Outcome, Unreconciled> {
    let finalized = field.finalized();
    let (winner, reason) = match first(&finalized) {
        Some(winner) => (winner, reason),
        None => (
            longest(&field.lanes).ok_or(Unreconciled::NoAnswer)?,
            Reason::LongestPartial,
        ),
    };
    // Answers it did not wait for, and those it replaces, say nothing about this one.
    let mut outcome = field.outcome(
        Strategy::FirstWin,
        &[winner],
        &[winner],
        winner.answer.clone(),
        reason,
    );
    outcome.winner = Some(winner.index);
    Ok(outcome)
}

/// The lane of highest rank that ended first; the lowest index on ties.
pub(super) fn first<'a>(finalized: &[LaneAnswer<'a>]) -> Option<LaneAnswer<'a>> {
    finalized
        .iter()
        .min_by_key(|lane| (Reverse(lane.rank), lane.completed, lane.index))
        .copied()
}

/// The partial with the most text; the lowest index on ties.
fn longest<'a>(lanes: &[LaneAnswer<'a>]) -> Option<LaneAnswer<'a>> {
    lanes
        .iter()
        .min_by_key(|lane| (Reverse(lane.answer.text.len()), lane.index))
        .copied()
}
