//! A node as a member of its cluster: the groups it takes part in, who leads them, and what it proposes to them.
//!
//! A node without a cluster directory is a cluster of one, with the same groups and the same store.

mod alone;
mod bulk;
mod facts;
mod fault;
mod figures;
mod found;
mod gossip;
mod leaders;
mod leave;
mod members;
mod membership;
mod open;
mod operating;
mod orders;
mod propose;
mod reconcile;
mod records;
mod rotation;
mod services;
mod start;
mod ticks;
pub mod transport;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use atp_actors::ledger::LedgerHandle;
use atp_actors::owners::Owners;
use atp_consensus::group::{Group, StatusWatch};
use atp_consensus::groups::Groups;
use atp_consensus::journal::Journal;
use atp_consensus::meta;
use atp_protocol::cluster::{GroupId, NodeId};

pub(crate) use alone::may_claim;
pub(crate) use alone::place as place_alone;
pub(crate) use fault::read as fault;
pub(crate) use gossip::FromGossip;
pub use gossip::Heard;
pub(crate) use open::open_store;
pub use open::{ClusterError, Place};
pub(crate) use propose::propose;
pub(crate) use start::{Running, start};

use crate::link::Link;
use gossip::Hearing;
use operating::Operating;

/// How long whoever asks for a change waits for it, an election included.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The highest schema of commands that this release reads.
pub const READS: u16 = 1;

/// The release, as members tell it to each other.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// The groups of a node. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    /// Which node this is, and where.
    pub place: Arc<Place>,
    /// Which life of it: when it was started, in milliseconds of Unix time.
    pub(crate) life: u64,
    /// All groups.
    pub groups: Groups,
    /// What all nodes agree on.
    pub meta: Group<meta::Meta>,
    /// What each of the journal groups agrees on, by number.
    pub journals: Arc<[Group<Journal>]>,
    /// The way to other members; `None` for a node by itself.
    pub link: Option<Link>,
    /// Who owns which session.
    pub owners: Arc<Owners>,
    /// What this node spends, once that runs.
    ledger: Arc<OnceLock<LedgerHandle>>,
    /// What this node says of itself.
    operating: Arc<Operating>,
    /// What it hears of others, once it does; a node by itself never.
    hearing: Arc<OnceLock<Hearing>>,
    /// Held by who takes a backup here.
    pub(crate) backup: Arc<tokio::sync::Mutex<()>>,
}

impl Cluster {
    /// Whether its groups work on this node, as far as they can without a quorum.
    #[must_use]
    pub fn is_in_service(&self) -> bool {
        self.groups.statuses().iter().all(|group| group.fault.is_none())
    }

    /// Other nodes ask this one from now on what it has of accounts.
    pub(crate) fn spends(&self, ledger: LedgerHandle) {
        // Started once.
        let _ = self.ledger.set(ledger);
    }

    /// What this node spends, once that runs.
    pub(crate) fn ledger(&self) -> Option<&LedgerHandle> {
        self.ledger.get()
    }

    /// The journal group of a number.
    #[must_use]
    pub fn journal(&self, group: GroupId) -> Option<&Group<Journal>> {
        self.journals.get(usize::from(group.0).checked_sub(1)?)
    }

    /// Follows every group, `meta` first.
    pub(crate) fn watches(&self) -> Vec<(GroupId, StatusWatch)> {
        let journals = self.journals.iter().map(|group| (group.id(), group.watch()));
        std::iter::once((GroupId::META, self.meta.watch()))
            .chain(journals)
            .collect()
    }

    /// This node.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.place.node
    }
}
