//! Asking a better lane, and how many requests of this node do: all tasks together as long as nobody tells them apart
//! (routing.md section 13).

use std::sync::{Mutex, MutexGuard, PoisonError};

use atp_protocol::units::Millis;
use atp_routing::audit::{Event, Subject};
use atp_routing::plan::StormGuard;
use atp_routing::policy::Trigger;
use atp_routing::session::{Input, LaneIx};

use super::Router;
use super::launch::Launched;
use crate::metrics::Meter;

/// Locked for requests that could escalate only.
#[derive(Debug, Default)]
pub(super) struct Storm(Mutex<StormGuard>);

impl Storm {
    fn guard(&self) -> MutexGuard<'_, StormGuard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request begins whose plan has somebody to escalate to. Whether only hard triggers may make it do so.
    pub(super) fn request(&self, now: Millis) -> bool {
        self.guard().request(now)
    }

    /// A request escalates.
    pub(super) fn escalated(&self, now: Millis, meter: &Meter) {
        if self.guard().escalated(now) {
            meter.answers.storms.increment(1);
            tracing::warn!(
                "more than 15 % of the requests that may escalate do; for five minutes only failed tests count. \
                 Look at the first adapters of their policies"
            );
        }
    }
}

/// Holds what a better lane needs that is asked because of `trigger`, and puts it on record. Whether it may run.
pub(super) async fn ask(
    router: &Router,
    launched: &mut Launched,
    (lane, target): (LaneIx, usize),
    trigger: Trigger,
) -> Input {
    let meter = &router.world.meter;
    meter.answers.escalated(trigger);
    router.world.audit.note(Event::Escalated {
        subject: Subject::request(&launched.request),
        lane: launched.lanes[lane.0].clone(),
        trigger,
    });
    // A request that escalates twice is one.
    if lane.0 == launched.first_lanes {
        router.shared.storm.escalated(router.world.now(), meter);
    }
    let need = launched.targets[target].effective;
    match launched.spend.add(need).await {
        Ok(()) => Input::LaneAdmitted { lane },
        Err(fault) => Input::LaneRejected { lane, fault },
    }
}
