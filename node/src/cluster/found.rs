//! Makes the cluster, and makes this node known to it.

use atp_consensus::meta::cluster::{Identity, InitCluster, InitClusterReply, PutMember, PutMemberReply};
use tracing::{error, info, warn};

use super::{Cluster, READS, RELEASE, propose};

/// How long to wait before trying again, where there is no quorum.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(1);

impl Cluster {
    /// Says who this node is, until the cluster knows: the first node makes the cluster with that.
    pub(crate) async fn introduce(self, api: String) {
        if self.place.is_first && !self.is_made() {
            let init = InitCluster {
                identity: Identity {
                    id: self.place.cluster.clone(),
                    journals: self.place.journals,
                },
                version: READS,
                release: RELEASE.to_owned(),
            };
            match self.insist(&init).await {
                InitClusterReply::Made => info!(cluster = %self.place.cluster, "cluster made"),
                refused => {
                    return error!(
                        ?refused,
                        "this node cannot make the cluster that its directory names"
                    );
                }
            }
        }
        let put = PutMember {
            node: self.place.node,
            name: self.place.name.clone(),
            link: self.place.address.clone(),
            api,
            reads: READS,
        };
        match self.insist(&put).await {
            PutMemberReply::Put => {}
            refused => error!(?refused, "the cluster does not take this node in"),
        }
    }

    /// Whether the cluster that this node is of has been made, as far as it knows.
    pub(crate) fn is_made(&self) -> bool {
        self.meta.read(|meta| {
            let identity = meta.cluster().identity();
            identity.is_some_and(|identity| identity.id == self.place.cluster)
        })
    }

    /// Proposes until there is a reply.
    async fn insist<B: atp_consensus::command::Body>(&self, body: &B) -> B::Reply {
        let mut is_told = false;
        loop {
            match propose(&self.meta, body).await {
                Ok(reply) => return reply,
                Err(fault) => {
                    if !std::mem::replace(&mut is_told, true) {
                        warn!(%fault, "waiting for the cluster to have a quorum");
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
}
