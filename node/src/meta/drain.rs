//! Whether this node takes new work: not once it is told here to stop, nor while the cluster has agreed that it drains.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use atp_consensus::meta::cluster::{SetDrain, SetDrainReply};
use atp_protocol::cluster::NodeId;
use atp_protocol::error::Fault;
use tokio::sync::watch;
use tracing::info;

use super::Meta;
use crate::cluster::propose;

/// Why new work is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Draining {
    /// It was told to, and ends.
    by_itself: bool,
    /// The cluster wants it so, and may want it otherwise.
    agreed: bool,
    /// Its work is done, and it closes what is open.
    has_left: bool,
}

impl Draining {
    const fn is_any(self) -> bool {
        self.by_itself || self.agreed
    }
}

impl Meta {
    /// Refuses new work from now on, for good.
    pub fn drain(&self) {
        self.draining.send_modify(|draining| draining.by_itself = true);
    }

    /// Whether new work is refused.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.borrow().is_any()
    }

    /// Resolves when new work is refused.
    pub fn drained(&self) -> impl Future<Output = ()> + 'static {
        let mut draining = self.draining.subscribe();
        async move {
            // A node that is gone refuses work as well.
            let _ = draining.wait_for(|draining| draining.is_any()).await;
        }
    }

    /// Nothing runs any more: what other members keep open here is to be closed.
    pub fn leave(&self) {
        self.draining.send_modify(|draining| draining.has_left = true);
    }

    /// Resolves when other members are to keep nothing open here.
    pub fn left(&self) -> impl Future<Output = ()> + 'static {
        let mut draining = self.draining.subscribe();
        async move {
            // A node that is gone has left as well.
            let _ = draining.wait_for(|draining| draining.has_left).await;
        }
    }

    /// Has a member drain, or take work again.
    ///
    /// # Errors
    /// `ENOTFOUND` for who is no member; those of the group.
    pub(crate) async fn set_drain(&self, node: NodeId, is_draining: bool) -> Result<(), Fault> {
        match propose(&self.cluster.meta, &SetDrain { node, is_draining }).await? {
            SetDrainReply::Set => Ok(()),
            SetDrainReply::Unknown => Err(Fault::no_such(format!("node {node} is no member"))),
        }
    }

    /// Follows whether the cluster wants this node to drain, until the group stops. What the node leads goes to others first, within
    /// `handing_over`: who is sent here for it is served until then.
    pub(crate) async fn keep_drained(
        self: Arc<Self>,
        mut changes: watch::Receiver<u64>,
        handing_over: Duration,
    ) {
        let node = self.cluster.node();
        loop {
            let wanted = self.cluster.meta.read(|meta| {
                let member = meta.cluster().member(node);
                member.is_some_and(|member| member.is_draining)
            });
            if wanted != self.draining.borrow().agreed {
                match wanted {
                    true => self.cluster.leave(handing_over).await,
                    false => self.cluster.stay(),
                }
                self.draining.send_modify(|draining| draining.agreed = wanted);
                info!(
                    draining = wanted,
                    "the cluster decided whether this node takes work"
                );
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}
