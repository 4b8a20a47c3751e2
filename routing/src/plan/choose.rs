//! Who sits where: lanes out of the candidates that passed, best and unlike each other (routing.md section 9).

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::asked::{Asked, Chooser, Seat};
use super::consider::{Field, Survivor};
use super::input::Conditions;
use super::lane::CALLS_MAX;
use crate::fib::{Candidate, Fib, Slot};

/// How much a lane's errors going together with another's costs it.
const DIVERSITY: f64 = 0.15;

/// Correlation to expect of one family's errors, and of unrelated ones.
const FAMILY_CORRELATION: f64 = 0.5;
const UNRELATED_CORRELATION: f64 = 0.1;

/// A candidate at a seat.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<'f> {
    pub(super) survivor: Survivor<'f>,
    pub(super) seat: usize,
    pub(super) clone: u32,
}

/// The lanes of a plan, in the order of the seats.
#[derive(Debug, Default)]
pub(super) struct Choice<'f> {
    pub(super) lanes: SmallVec<[Placed<'f>; 4]>,
    /// More were asked for than a request may cause.
    pub(super) is_truncated: bool,
}

/// Fills the seats. `lanes_max`: for the policy's choice only, and never fewer than the seats that are required; what the
/// client asks for is bounded by [`CALLS_MAX`].
pub(super) fn choose<'f>(
    asked: &Asked<'_>,
    field: &'f Field,
    fib: &Fib,
    conditions: &dyn Conditions,
    lanes_max: usize,
) -> Choice<'f> {
    match asked.chooser {
        Chooser::Name | Chooser::Personas => clones(asked, field),
        Chooser::Policy => Choice {
            lanes: Diverse { fib, conditions }.fan_out(asked, field, lanes_max),
            is_truncated: false,
        },
    }
}

/// Candidates of a seat that passed.
pub(super) fn survivors<'f>(seat: &Seat<'_>, field: &'f Field) -> impl Iterator<Item = Survivor<'f>> {
    seat.slots
        .iter()
        .filter_map(|slot| field.survivor(*slot, seat.tier))
}

/// The best candidate of each seat, as often as clones of it are wanted.
fn clones<'f>(asked: &Asked<'_>, field: &'f Field) -> Choice<'f> {
    let mut choice = Choice::default();
    for (at, seat) in asked.seats.iter().enumerate() {
        let Some(survivor) = survivors(seat, field).min_by(Survivor::rank) else {
            continue;
        };
        for clone in 1..=seat.clones {
            if choice.lanes.len() == CALLS_MAX {
                choice.is_truncated = true;
                return choice;
            }
            choice.lanes.push(Placed {
                survivor,
                seat: at,
                clone,
            });
        }
    }
    choice
}

/// When a seat gets its next lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Required,
    Named,
    Further,
}

/// Greedy choice of candidates whose errors do not go together.
struct Diverse<'a> {
    fib: &'a Fib,
    conditions: &'a dyn Conditions,
}

impl Diverse<'_> {
    /// First one lane for each seat, so that everybody the policy names is heard, and those who must be heard before the
    /// others; then more from seats that name many.
    fn fan_out<'f>(
        &self,
        asked: &Asked<'_>,
        field: &'f Field,
        lanes_max: usize,
    ) -> SmallVec<[Placed<'f>; 4]> {
        let mut chosen: SmallVec<[Placed<'f>; 4]> = SmallVec::new();
        let required = asked.seats.iter().filter(|seat| seat.is_required).count();
        let lanes_max = lanes_max.max(required).min(CALLS_MAX);
        while chosen.len() < lanes_max {
            let seats = asked.seats.iter().enumerate();
            let is_taken = |slot: Slot| chosen.iter().any(|lane| lane.survivor.slot == slot);
            let is_seated = |at: usize| chosen.iter().any(|lane| lane.seat == at);
            let turn = |at: usize| match (is_seated(at), asked.seats[at].is_required) {
                (false, true) => Turn::Required,
                (false, false) => Turn::Named,
                (true, _) => Turn::Further,
            };
            let best = seats
                .flat_map(|(at, seat)| {
                    let may_sit = !is_seated(at) || seat.is_open;
                    survivors(seat, field)
                        .filter(move |_| may_sit)
                        .map(move |survivor| (at, survivor))
                })
                .filter(|(_, survivor)| !is_taken(survivor.slot))
                .min_by(|(seat_a, a), (seat_b, b)| {
                    turn(*seat_a)
                        .cmp(&turn(*seat_b))
                        .then_with(|| self.rank(a, b, &chosen))
                        .then_with(|| seat_a.cmp(seat_b))
                });
            let Some((seat, survivor)) = best else {
                break;
            };
            chosen.push(Placed {
                survivor,
                seat,
                clone: 1,
            });
        }
        chosen.sort_by_key(|lane| lane.seat);
        chosen
    }

    /// As [`Survivor::rank`], with each score less what its likeness to the chosen costs.
    fn rank(&self, a: &Survivor<'_>, b: &Survivor<'_>, chosen: &[Placed<'_>]) -> Ordering {
        if chosen.is_empty() {
            return a.rank(b);
        }
        let worth = |survivor: &Survivor<'_>| {
            let candidate = self.fib.candidate(survivor.slot);
            let alike = chosen
                .iter()
                .map(|lane| self.correlation(candidate, self.fib.candidate(lane.survivor.slot)))
                .fold(0.0, f64::max);
            survivor.scored.score - DIVERSITY * alike
        };
        a.scored
            .is_reserve
            .cmp(&b.scored.is_reserve)
            .then_with(|| worth(b).total_cmp(&worth(a)))
            .then_with(|| a.rank(b))
    }

    fn correlation(&self, a: &Candidate, b: &Candidate) -> f64 {
        let measured = self.conditions.correlation(a, b);
        measured
            .filter(|correlation| (-1.0..=1.0).contains(correlation))
            .unwrap_or_else(|| {
                let is_family = a.model == b.model || (a.family.is_some() && a.family == b.family);
                if is_family {
                    FAMILY_CORRELATION
                } else {
                    UNRELATED_CORRELATION
                }
            })
    }
}
