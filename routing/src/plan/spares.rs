//! Who is held ready: fallbacks for lanes that fail, and the steps of an escalation.

use std::sync::Arc;

use atp_protocol::units::Tier;
use smallvec::SmallVec;

use super::asked::Asked;
use super::choose::{Choice, survivors};
use super::consider::{Field, Scored, Survivor};
use super::economy::Prospect;
use super::lane::{CALLS_MAX, Spare};
use crate::fib::{Candidate, Fib, Slot};
use crate::policy::Policy;

/// Candidates kept of the score's order, lanes included (routing.md section 7).
const SHORTLIST: usize = 8;

/// Targets of an escalation kept, of which a request asks as many as its policy allows.
const TARGETS_MAX: usize = 4;

/// The rest of the shortlist by score, then one candidate of the fallback stage where the policy chooses.
pub(super) fn fallbacks(asked: &Asked<'_>, choice: &Choice<'_>, field: &Field, fib: &Fib) -> Vec<Spare> {
    let is_lane = |slot: Slot| choice.lanes.iter().any(|lane| lane.survivor.slot == slot);
    let mut spares: SmallVec<[(Survivor<'_>, usize); 64]> = asked
        .seats
        .iter()
        .enumerate()
        .flat_map(|(at, seat)| survivors(seat, field).map(move |survivor| (survivor, at)))
        .filter(|(survivor, _)| !is_lane(survivor.slot))
        .collect();
    spares.sort_unstable_by(|a, b| a.0.rank(&b.0).then_with(|| a.1.cmp(&b.1)));
    spares.dedup_by_key(|(survivor, _)| survivor.slot);
    let lanes = choice.lanes.len();
    spares.truncate(SHORTLIST.saturating_sub(lanes).min(CALLS_MAX - lanes));
    let is_spare = |slot: Slot| spares.iter().any(|(survivor, _)| survivor.slot == slot);
    let last = asked
        .reserve
        .iter()
        .flat_map(|seat| survivors(seat, field))
        .filter(|survivor| !is_lane(survivor.slot) && !is_spare(survivor.slot))
        .min_by(Survivor::rank);
    let found = spares
        .iter()
        .map(|(survivor, seat)| spare(fib, survivor, Some(*seat)));
    found
        .chain(last.map(|survivor| spare(fib, &survivor, None)))
        .collect()
}

/// The best candidate of each target in turn, each at most once and none that is a lane already.
///
/// More than may be asked, because who is not worth it when it comes to that is passed over.
pub(super) fn escalation(
    policy: &Policy,
    choice: &Choice<'_>,
    field: &Field,
    fib: &Fib,
    tier: Tier,
) -> SmallVec<[Spare; 2]> {
    let mut steps: SmallVec<[Survivor<'_>; 2]> = SmallVec::new();
    let most = match policy.escalation.depth_max {
        0 => 0,
        _ => TARGETS_MAX.min(CALLS_MAX.saturating_sub(choice.lanes.len())),
    };
    for target in &policy.escalation.to {
        if steps.len() >= most {
            break;
        }
        let best = fib
            .slots(target.as_str())
            .iter()
            .filter_map(|slot| field.survivor(*slot, tier))
            .filter(|survivor| {
                !choice
                    .lanes
                    .iter()
                    .any(|lane| lane.survivor.slot == survivor.slot)
            })
            .filter(|survivor| !steps.iter().any(|step| step.slot == survivor.slot))
            .min_by(Survivor::rank);
        steps.extend(best);
    }
    steps.iter().map(|survivor| spare(fib, survivor, None)).collect()
}

fn spare(fib: &Fib, survivor: &Survivor<'_>, seat: Option<usize>) -> Spare {
    Spare {
        candidate: Arc::clone(fib.candidate(survivor.slot)),
        need: survivor.scored.need,
        prospect: prospect(fib.candidate(survivor.slot), survivor.scored),
        seat,
    }
}

/// A predicted quality goes before how the candidate's calls have ended.
fn prospect(candidate: &Candidate, scored: &Scored) -> Prospect {
    Prospect {
        success: candidate.quality_pred.unwrap_or(scored.components.perf),
        usd_micros: scored.need.effective.usd_micros,
        p95_ms: scored.p95_ms,
    }
}
