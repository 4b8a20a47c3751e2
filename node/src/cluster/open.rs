//! Opens the groups of a node where it left them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use atp_actors::environment::Clock;
use atp_actors::owners::Owners;
use atp_consensus::Blocking;
use atp_consensus::config::{Environment, Options};
use atp_consensus::group::{ChangeError, OpenError};
use atp_consensus::groups::Groups;
use atp_consensus::journal::Journal;
use atp_consensus::log_io::LogIo;
use atp_consensus::meta;
use atp_consensus::transport::Transport;
use atp_protocol::cluster::{GroupId, NodeId};
use atp_storage::disk::{Disk, FileDisk};
use atp_storage::snapshot::Snapshots;
use atp_storage::store::{self, Store, Writer};
use tokio::sync::watch;

use super::{Cluster, READS, alone};
use crate::identity::{self, DirectoryError, Membership, Name};
use crate::link::Link;

/// Which node of which cluster this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The cluster's id.
    pub cluster: String,
    /// This node.
    pub node: NodeId,
    /// Its name, for people.
    pub name: String,
    /// How many journal groups the cluster has.
    pub journals: u16,
    /// Where other members reach its link.
    pub address: String,
    /// It makes the cluster; the others join it.
    pub is_first: bool,
    /// Nobody can join it.
    pub is_alone: bool,
}

impl Place {
    /// What a node's directory says; `name` is what people call it.
    pub(crate) fn of(membership: &Membership, name: &str) -> Self {
        Self {
            cluster: membership.cluster.id.to_string(),
            node: membership.node,
            name: name.to_owned(),
            journals: membership.cluster.journals,
            address: membership.address.to_string(),
            is_first: membership.cluster.first == membership.node,
            is_alone: false,
        }
    }
}

/// Why a node cannot take its part.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The directory cannot be opened.
    #[error("cannot open {path}; check its owner and mode, and that no other node uses it")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The node's directory in the cluster cannot be used.
    #[error(transparent)]
    Identity(#[from] DirectoryError),
    /// The link's address cannot be listened on.
    #[error("cannot listen on {addr} for other members; is another node running?")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What the node had agreed to is gone: with an empty store it would agree to something else.
    #[error(
        "the store in {path} is lost, and this node may not go on without it; take its number out of the cluster \
         (`atpctl cluster remove`) and let the machine join under the next one, with an empty data directory"
    )]
    Lost {
        /// The directory.
        path: PathBuf,
    },
    /// The store cannot be read.
    #[error("cannot open the store in {path}")]
    Store {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: store::OpenError,
    },
    /// A group cannot be opened.
    #[error(transparent)]
    Group(#[from] OpenError),
    /// A thread was refused.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The thread of the groups ended while they were opened.
    #[error("the thread of the groups has ended")]
    Ended,
    /// The groups could not be made.
    #[error("cannot make the groups of the cluster")]
    Make(#[from] ChangeError),
}

/// Where the groups keep what they keep, below the data directory.
pub(super) const GROUPS_DIR: &str = "groups";

/// Takes a data directory for `member`, and opens what the groups keep there.
///
/// # Errors
/// As [`open_store`]; [`ClusterError::Lost`] where the member has had a store and it is gone.
pub(super) fn claim_store(
    data_dir: &Path,
    place: &Place,
    member: Option<Name>,
) -> Result<(Store, Writer, Snapshots), ClusterError> {
    let path = data_dir.join(GROUPS_DIR);
    let was_claimed = identity::owner(data_dir, member)?.is_some();
    // A store is made right after its directory was claimed.
    if was_claimed && !path.join(store::NAME).exists() {
        return Err(ClusterError::Lost { path });
    }
    match member {
        Some(member) => alone::claim(data_dir, place, member)?,
        None => identity::claim(data_dir, None)?,
    }
    open_store(data_dir)
}

/// Opens what the groups keep below `data_dir`: their logs, and the images of their states beside them.
///
/// # Errors
/// [`ClusterError::Directory`], [`ClusterError::Store`].
pub(crate) fn open_store(data_dir: &Path) -> Result<(Store, Writer, Snapshots), ClusterError> {
    let path = data_dir.join(GROUPS_DIR);
    let disk = FileDisk::open(&path).map_err(|source| ClusterError::Directory {
        path: path.clone(),
        source,
    })?;
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let (store, writer) = Store::open(Arc::clone(&disk), store::Options::default())
        .map_err(|source| ClusterError::Store { path, source })?;
    Ok((store, writer, Snapshots::new(disk)))
}

/// What the groups of a node stand on.
pub(super) struct Ground {
    pub(super) store: Store,
    pub(super) snapshots: Snapshots,
    pub(super) log_io: Arc<dyn LogIo>,
    pub(super) blocking: Arc<dyn Blocking>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Cluster {
    /// Opens the groups within the calling runtime, which runs them from then on. The receiver is told when `meta` has applied
    /// something that changed it.
    ///
    /// # Errors
    /// [`ClusterError::Group`], [`ClusterError::Make`].
    pub(super) async fn open(
        place: Place,
        ground: Ground,
        transport: Arc<dyn Transport>,
        options: Options,
        link: Option<Link>,
    ) -> Result<(Self, watch::Receiver<u64>), ClusterError> {
        let clock = ground.clock;
        let life = clock.unix().0;
        let environment = Environment {
            node: place.node,
            store: ground.store,
            snapshots: ground.snapshots,
            log_io: ground.log_io,
            transport,
            blocking: ground.blocking,
            reads: READS,
            clock: Arc::new(move || clock.unix().0.saturating_mul(1_000)),
        };
        let groups = Groups::new(environment, options);
        let (changed, changes) = watch::channel(0);
        let meta = groups
            .open(
                GroupId::META,
                meta::Meta::default(),
                Box::new(move |applied| {
                    changed.send_replace(applied.index);
                }),
            )
            .await?;
        let owners = Arc::new(Owners::new(place.node, place.journals));
        let mut journals = Vec::with_capacity(usize::from(place.journals));
        for group in GroupId::journals(place.journals) {
            journals.push(groups.open(group, Journal::default(), Box::new(|_| {})).await?);
        }
        if place.is_first {
            groups.initialise(&place.address).await?;
        }
        let cluster = Self {
            place: Arc::new(place),
            life,
            groups,
            meta,
            journals: journals.into(),
            link,
            owners,
            ledger: Arc::default(),
            operating: Arc::default(),
            hearing: Arc::default(),
            backup: Arc::default(),
        };
        Ok((cluster, changes))
    }
}
