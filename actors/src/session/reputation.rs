//! Tells personas how their lanes turned out.

use atp_protocol::units::Amount;
use atp_routing::persona::{Ending, Judged};
use atp_routing::session::{LaneRecord, LaneState};

use super::call::Target;
use super::launch::Launched;
use crate::persona::{Attendance, Roster};

/// Tells the persona of each lane that ended by itself. Lanes of no persona have nobody to tell.
pub(super) fn tell(launched: &Launched, roster: &Roster) {
    if launched.personas.is_empty() {
        return;
    }
    let lanes = launched.machine.audit().map_or(&[][..], |audit| &audit.lanes);
    for (lane, persona) in lanes.iter().zip(&launched.personas) {
        let Some(Attendance(member)) = persona else {
            continue;
        };
        let target = &launched.targets[lane.target.0];
        // Whoever answered in the end may be another owner's than who was asked first.
        let owner = target.endpoint.name.owner.as_ref();
        let Some(member) = roster.get(owner, &member.name.id) else {
            continue;
        };
        let judged = ending(lane, target, launched.request.latency_slo_ms);
        if let Some(judged) = judged.as_ref().and_then(Judged::of) {
            member.tell(judged);
        }
    }
}

fn ending(lane: &LaneRecord, target: &Target, slo_ms: u64) -> Option<Ending> {
    let fault = match lane.state {
        LaneState::Finalized => None,
        LaneState::Failed => Some(lane.fault?),
        LaneState::Init
        | LaneState::Admitted
        | LaneState::Streaming
        | LaneState::Paused
        | LaneState::Rejected
        | LaneState::Cancelled => return None,
    };
    let dispatched = lane.dispatched_ms?;
    let first = lane.first_chunk_ms.or(lane.ended_ms)?;
    let estimated = Amount {
        tokens: target
            .estimate
            .in_tokens
            .saturating_add(target.estimate.out_tokens),
        usd_micros: target.estimate.usd_micros,
    };
    Some(Ending {
        adapter: target.endpoint.name.id.clone(),
        fault,
        agreement: lane.agreement,
        confidence: lane.confidence,
        first_chunk_ms: first.saturating_sub(dispatched),
        slo_ms,
        cost: lane
            .usage
            .filter(|_| target.is_own_estimate)
            .map(|usage| (estimated, usage.amount())),
    })
}
