//! Follows who leads the groups.

use std::sync::Arc;

use atp_actors::owners::Owners;
use atp_consensus::group::StatusWatch;
use atp_protocol::cluster::GroupId;
use tokio::sync::watch;
use tracing::{error, info};

/// Logs who leads a group whenever that is another node, or the same one after another election; and keeps `owners` up to
/// date about it, until the group stops.
pub(super) async fn follow(group: GroupId, mut status: StatusWatch, owners: Arc<Owners>) {
    while let Some((term, leader)) = status.next_leader().await {
        // Sessions belong to the journal groups; of `meta` there is only something to tell.
        if group != GroupId::META {
            owners.set(group, leader);
        }
        if let Some(leader) = leader {
            info!(%group, term, %leader, "leader changed");
        }
    }
    owners.set(group, None);
}

/// Tells `failed` why the group stopped, if not in order: the node cannot go on without it.
pub(super) async fn watch_over(
    group: GroupId,
    mut status: StatusWatch,
    failed: watch::Sender<Option<String>>,
) {
    if let Some(fault) = status.failed().await {
        error!(%group, %fault, "a group stopped");
        failed.send_replace(Some(format!("group {group} stopped: {fault}")));
    }
}
