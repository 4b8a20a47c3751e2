//! The node's view of what the cluster agreed on, and the way to change it.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use atp_actors::environment::World;
use atp_actors::ledger::LedgerHandle;
use atp_actors::registry::RegistryHandle;
use atp_protocol::error::Fault;
use atp_protocol::ids::AccountId;
use atp_protocol::units::Millis;
use tokio::sync::watch;

use super::Status;
use super::drain::Draining;
use super::follow::Seen;
use crate::auth::KeyTable;
use crate::cluster::{self, Cluster, PATIENCE};
use crate::live::Live;

/// Keys, policy and accounts as agreed on in the `meta` group, and the way to adapters.
pub struct Meta {
    pub(super) keys: ArcSwap<KeyTable>,
    /// How much of what was agreed on is in force here. Held while more of it comes into force.
    pub(super) seen: tokio::sync::Mutex<Seen>,
    /// The groups.
    pub cluster: Cluster,
    pub(super) configured: BTreeSet<AccountId>,
    /// What of the configuration the cluster may change.
    pub(super) live: Arc<Live>,
    /// Accounts.
    pub ledger: LedgerHandle,
    /// Policy and adapters in force.
    pub registry: RegistryHandle,
    pub(super) world: World,
    pub(super) draining: watch::Sender<Draining>,
    caught_up: watch::Sender<bool>,
}

impl Meta {
    /// `keys`: those of the configuration; `configured`: the accounts that a start makes unless they exist.
    pub(crate) fn new(
        cluster: Cluster,
        keys: KeyTable,
        configured: BTreeSet<AccountId>,
        live: Arc<Live>,
        (ledger, registry): (LedgerHandle, RegistryHandle),
        world: World,
    ) -> Self {
        Self {
            keys: ArcSwap::from_pointee(keys),
            seen: tokio::sync::Mutex::default(),
            cluster,
            configured,
            live,
            ledger,
            registry,
            world,
            draining: watch::Sender::default(),
            caught_up: watch::Sender::new(false),
        }
    }

    /// The keys to authenticate against.
    pub fn keys(&self) -> Guard<Arc<KeyTable>> {
        self.keys.load()
    }

    /// The node knows what was agreed on before it started.
    pub(crate) fn has_caught_up(&self) {
        self.caught_up.send_replace(true);
    }

    /// Whether the node knows what was agreed on before it started.
    pub(crate) fn is_caught_up(&self) -> bool {
        *self.caught_up.borrow()
    }

    /// Resolves when the node knows what was agreed on before it started.
    pub(crate) async fn caught_up(&self) {
        let mut caught_up = self.caught_up.subscribe();
        // The sender lives in `self`.
        let _ = caught_up.wait_for(|has| *has).await;
    }

    /// Brings into force what was agreed on before this was called.
    ///
    /// # Errors
    /// Without a quorum.
    pub(crate) async fn catch_up(&self) -> Result<(), Fault> {
        let linearized = self.cluster.meta.linearize(PATIENCE).await;
        linearized.map_err(|error| cluster::fault(&error))?;
        self.follow().await;
        Ok(())
    }

    /// Milliseconds on the node's monotonic clock.
    pub(crate) fn now(&self) -> Millis {
        self.world.now()
    }

    /// What readiness looks at.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            store: self.ledger.is_alive() && self.cluster.is_in_service(),
            member: !self.cluster.is_removed(),
            caught_up: self.is_caught_up(),
            routable_adapters: self.registry.routable(),
            draining: self.is_draining(),
        }
    }
}
