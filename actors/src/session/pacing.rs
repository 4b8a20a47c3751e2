//! What a stream that has ended tells its session: how its lanes fared, what it cost.

use atp_protocol::error::Code;
use atp_protocol::flow::Signal;
use atp_routing::breaker::Outcome;
use atp_routing::session::{LaneRecord, LaneState};

use super::Router;
use super::launch::Launched;

/// Gives the room in the session's window back, and tells the window how the lanes fared.
pub(super) fn tell_window(router: &Router, launched: &mut Launched) {
    let Some(flow) = &launched.flow else { return };
    let lanes = launched.machine.audit().map_or(&[][..], |audit| &audit.lanes);
    let target_ms = launched.request.latency_slo_ms as f64;
    flow.signal(
        &router.world,
        lanes.iter().filter_map(|lane| signal(lane, target_ms)),
    );
    launched.room = None;
}

/// What a lane's end says of its session's window; nothing where it was called off.
fn signal(lane: &LaneRecord, target_ms: f64) -> Option<Signal> {
    let dispatched = lane.dispatched_ms?;
    match (lane.state, lane.fault) {
        (LaneState::Finalized, _) => {
            let first = lane.first_chunk_ms.or(lane.ended_ms)?;
            Some(Signal::Success {
                latency_ms: first.saturating_sub(dispatched) as f64,
                target_ms: Some(target_ms),
            })
        }
        (LaneState::Failed, Some(code)) => {
            let is_failure = matches!(Outcome::of(code), Outcome::Failure(_));
            (is_failure || code == Code::WindowAgent).then_some(Signal::Failure)
        }
        (
            LaneState::Init
            | LaneState::Admitted
            | LaneState::Streaming
            | LaneState::Paused
            | LaneState::Failed
            | LaneState::Rejected
            | LaneState::Cancelled,
            _,
        ) => None,
    }
}

/// Tells the session what the request cost.
pub(super) fn tell_spending(router: &Router, launched: &Launched) {
    let Some(flow) = &launched.flow else { return };
    if flow.spent(&router.world, launched.spend.used().usd_micros) {
        let session = &launched.request.session;
        tracing::warn!(%session, "a session suddenly spends much faster than before");
    }
}
