//! Follows who leads the journal groups.

use std::sync::Arc;

use atp_actors::owners::Owners;
use atp_consensus::group::StatusWatch;
use atp_protocol::cluster::GroupId;

/// Keeps `owners` up to date about a group until that stops.
pub(super) async fn follow(group: GroupId, mut status: StatusWatch, owners: Arc<Owners>) {
    loop {
        owners.set(group, status.get().leader);
        if !status.changed().await {
            return owners.set(group, None);
        }
    }
}
