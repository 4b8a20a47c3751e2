//! Keeps the link to whoever is a member.

use atp_protocol::cluster::NodeId;
use tokio::sync::watch;
use tracing::warn;

use super::Cluster;
use crate::identity::Address;
use crate::link::{Link, Members};

/// Follows the members that `meta` knows, and, while it knows none yet, those of the groups.
pub(super) async fn keep(cluster: Cluster, link: Link, mut changes: watch::Receiver<u64>) {
    let mut groups = cluster.meta.watch();
    loop {
        link.set_members(cluster.addresses());
        tokio::select! {
            biased;
            changed = changes.changed() => if changed.is_err() { return },
            is_there = groups.members_changed() => if !is_there { return },
        }
    }
}

impl Cluster {
    /// Where each member's link listens.
    pub(super) fn addresses(&self) -> Members {
        let known: Vec<(NodeId, String)> = self.meta.read(|meta| {
            let members = meta.cluster().members();
            members
                .map(|(node, member)| (node, member.link.clone()))
                .collect()
        });
        // A node that was just taken in learns of the others by Raft before it has applied what meta knows of them.
        let voting = self.meta.status().members.into_iter();
        let voting = voting.map(|member| (member.node, member.address));
        let all: std::collections::BTreeMap<_, _> = voting.chain(known).collect();
        let address = |(node, text): (NodeId, String)| match text.parse::<Address>() {
            Ok(address) => Some((node, address)),
            Err(error) => {
                warn!(%node, %error, "the address of a member cannot be dialled");
                None
            }
        };
        all.into_iter().filter_map(address).collect()
    }
}
