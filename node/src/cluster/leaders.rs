//! Follows who leads the groups.

use std::sync::Arc;

use atp_actors::owners::Owners;
use atp_consensus::group::StatusWatch;
use atp_protocol::cluster::GroupId;
use tracing::info;

/// Logs who leads a group whenever that is another node, or the same one after another election; and keeps `owners` up to
/// date about it, until the group stops.
pub(super) async fn follow(group: GroupId, mut status: StatusWatch, owners: Arc<Owners>) {
    let mut told = None;
    loop {
        let is = status.get();
        // Sessions belong to the journal groups; of `meta` there is only something to tell.
        if group != GroupId::META {
            owners.set(group, is.leader);
        }
        if let Some(leader) = is.leader
            && told.replace((is.term, leader)) != Some((is.term, leader))
        {
            info!(%group, term = is.term, %leader, "leader changed");
        }
        if !status.changed().await {
            return owners.set(group, None);
        }
    }
}
