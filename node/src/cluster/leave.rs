//! Leaves to others what a node leads, so that nobody waits for an election when it stops.

use std::time::Duration;

use atp_consensus::group::Role;
use atp_consensus::placement::balance;
use tracing::{info, warn};

use super::Cluster;

/// How long to wait before another attempt.
const AGAIN: Duration = Duration::from_millis(50);

impl Cluster {
    /// Hands over all that this node leads, and takes nothing back until [`Self::stay`]. Returns when it leads nothing, nobody else can, or
    /// after `within`.
    pub(crate) async fn leave(&self, within: Duration) {
        self.operating.set_leaving(true);
        if self.link.is_none() {
            return;
        }
        let left = async {
            while self.leads_any() {
                let able = self.able();
                let moves = balance(&self.led(), &able);
                if !moves.iter().any(|moving| moving.from == self.node()) {
                    return warn!("nobody else can lead what this node leads");
                }
                self.carry_out_own(moves).await;
                tokio::time::sleep(AGAIN).await;
            }
            info!("this node leads nothing any more");
        };
        if tokio::time::timeout(within, left).await.is_err() {
            warn!("not all that this node leads could be handed over in time");
        }
    }

    /// Others may hand over to this node again.
    pub(crate) fn stay(&self) {
        self.operating.set_leaving(false);
    }

    fn leads_any(&self) -> bool {
        let statuses = self.groups.statuses();
        statuses.iter().any(|group| group.role == Role::Leader)
    }
}
