//! Tells of this node, and notices who falls silent.

use std::collections::BTreeSet;

use atp_protocol::cluster::NodeId;
use tokio::time::MissedTickBehavior;
use tracing::{info, warn};

use super::{Hearing, INTERVAL, is_alive};
use crate::cluster::Cluster;
use crate::gossip::Facts;

/// Rounds after which members that are not heard are turned to: they may have come after this node started, or both sides may have
/// forgotten each other.
const MEET_EVERY: u32 = 10;

/// Goes on until the node stops.
pub(super) async fn keep(cluster: Cluster) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Facts::default();
    let mut alive = BTreeSet::new();
    let mut round: u32 = 0;
    loop {
        ticks.tick().await;
        let Some(hearing) = cluster.hearing.get() else {
            return;
        };
        let facts = cluster.facts();
        if facts != told {
            hearing.gossip.tell(&facts).await;
            told = facts;
        }
        let is_turn = round.is_multiple_of(MEET_EVERY);
        round = round.wrapping_add(1);
        alive = hearing.look_around(cluster.node(), &cluster.members(), &alive, is_turn);
    }
}

impl Hearing {
    /// Returns which of `members` are alive, and tells what is otherwise than `before`. `is_turn`: those that are not are turned to.
    fn look_around(
        &self,
        this: NodeId,
        members: &BTreeSet<NodeId>,
        before: &BTreeSet<NodeId>,
        is_turn: bool,
    ) -> BTreeSet<NodeId> {
        let hints = self.gossip.hints();
        let mut alive = BTreeSet::new();
        for member in members {
            let (is_alive, was_alive) = (
                *member == this || is_alive(&hints, *member),
                before.contains(member),
            );
            match (is_alive, was_alive) {
                (true, false) if *member != this => info!(%member, "a member is alive"),
                (false, true) => {
                    warn!(%member, "nothing is heard of a member any more");
                    self.desk.series.deaths.increment(1);
                }
                _ => {}
            }
            match is_alive {
                true => drop(alive.insert(*member)),
                false if is_turn => self.gossip.meet(*member),
                false => {}
            }
        }
        self.desk.series.alive.set(alive.len() as f64);
        alive
    }
}
