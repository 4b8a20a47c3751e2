//! Lanes must fit together: into the budget, the caller's window, and each agent's.

use std::cmp::Ordering;

use atp_protocol::units::{Amount, Window};

use super::asked::Asked;
use super::choose::{Choice, Placed};

/// Drops lanes, worst first, until the rest fits; never the best one and never a required one.
///
/// Returns the lanes that were dropped, worst first; `None` when what may not be dropped does not fit.
pub(super) fn fit<'f>(
    choice: &mut Choice<'f>,
    asked: &Asked<'_>,
    budget: Amount,
    window: Window,
) -> Option<Vec<Placed<'f>>> {
    let room = budget.min(Amount {
        tokens: window.max_tokens,
        usd_micros: window.max_usd_micros,
    });
    let mut dropped = Vec::new();
    while !fits(choice, room, window.max_parallel) {
        let best = primary(choice)?;
        let worst = (0..choice.lanes.len())
            .filter(|at| *at != best && !asked.seats[choice.lanes[*at].seat].is_required)
            .max_by(|a, b| order(&choice.lanes[*a], &choice.lanes[*b]))?;
        dropped.push(choice.lanes.remove(worst));
    }
    Some(dropped)
}

fn fits(choice: &Choice<'_>, room: Amount, max_parallel: u32) -> bool {
    let needs = choice
        .lanes
        .iter()
        .map(|lane| lane.survivor.scored.need.effective);
    needs.fold(Amount::ZERO, Amount::plus).fits(room) && choice.lanes.len() <= max_parallel as usize
}

/// The best lane, by its place.
pub(super) fn primary(choice: &Choice<'_>) -> Option<usize> {
    (0..choice.lanes.len()).min_by(|a, b| order(&choice.lanes[*a], &choice.lanes[*b]))
}

/// Best first.
fn order(a: &Placed<'_>, b: &Placed<'_>) -> Ordering {
    a.survivor
        .rank(&b.survivor)
        .then_with(|| a.seat.cmp(&b.seat))
        .then_with(|| a.clone.cmp(&b.clone))
}
