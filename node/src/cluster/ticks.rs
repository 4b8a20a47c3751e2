//! Lets time pass in the journal groups led here (governance.md 1.2).

use std::sync::Arc;
use std::time::Duration;

use atp_actors::environment::Clock;
use atp_consensus::group::{Group, Role};
use atp_consensus::journal::{Journal, Tick, TickReply};
use futures_util::future::join_all;
use tracing::debug;

use super::propose::propose_within;

/// How often, and how long a tick is waited for.
const EVERY: Duration = Duration::from_secs(1);

/// Has every group led here take note of the time, while anything in it can fall due; ends with the task.
pub(super) async fn keep(journals: Arc<[Group<Journal>]>, tick: Tick, clock: Arc<dyn Clock>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        join_all(journals.iter().map(|group| pass(group, &tick, &*clock))).await;
    }
}

async fn pass(group: &Group<Journal>, tick: &Tick, clock: &dyn Clock) {
    let is_pending = || group.read(|journal| journal.is_anything_pending(clock.unix()));
    while group.status().role == Role::Leader && is_pending() {
        match propose_within(group, tick, EVERY).await {
            Ok((_, TickReply::Again)) => {}
            Ok((_, TickReply::Done)) => return,
            // The next one says the same.
            Err(fault) => return debug!(group = %group.id(), %fault, "a tick did not come through"),
        }
    }
}
