//! Nodes with one group each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atp_consensus::Applied;
use atp_consensus::config::{Environment, Options};
use atp_consensus::group::{Group, Role};
use atp_consensus::groups::Groups;
use atp_protocol::cluster::{GroupId, NodeId};
use atp_storage::disk::{Loss, MemoryDisk};
use atp_storage::snapshot::Snapshots;
use atp_storage::store::Store;
use tokio::sync::watch;

use crate::disk::{Inline, SlowLogIo};
use crate::network::Network;
use crate::register::{Registers, set};

pub(crate) const LONG: Duration = Duration::from_secs(20);
pub(crate) const GROUP: GroupId = GroupId(1);

pub(crate) fn node(number: u16) -> NodeId {
    NodeId::new(number).unwrap()
}

pub(crate) struct Running {
    pub(crate) groups: Groups,
    pub(crate) group: Group<Registers>,
    /// How often its state was replaced by a snapshot, as its subscriber was told.
    pub(crate) replaced: Arc<AtomicUsize>,
}

/// A cluster, of which any node may be down.
pub(crate) struct Cluster {
    pub(crate) network: Network,
    pub(crate) options: Options,
    sync: Duration,
    disks: BTreeMap<NodeId, MemoryDisk>,
    stuck: BTreeMap<NodeId, watch::Sender<bool>>,
    pub(crate) running: BTreeMap<NodeId, Running>,
}

impl Cluster {
    /// Nodes that take part in nothing yet.
    pub(crate) fn empty(options: Options) -> Self {
        Self {
            network: Network::default(),
            options,
            sync: Duration::from_millis(2),
            disks: BTreeMap::new(),
            stuck: BTreeMap::new(),
            running: BTreeMap::new(),
        }
    }

    /// `size` voters, the first of which leads.
    pub(crate) async fn of(size: u16) -> Self {
        Self::with(size, Options::default()).await
    }

    /// As [`Self::of`], where a sync takes so long.
    pub(crate) async fn on_slow_disks(size: u16, sync: Duration) -> Self {
        let mut cluster = Self::empty(Options::default());
        cluster.sync = sync;
        cluster.form(size).await;
        cluster
    }

    pub(crate) async fn with(size: u16, options: Options) -> Self {
        let mut cluster = Self::empty(options);
        cluster.form(size).await;
        cluster
    }

    async fn form(&mut self, size: u16) {
        for number in 1..=size {
            self.start(node(number)).await;
        }
        self.running[&node(1)].groups.initialise("node-1").await.unwrap();
        self.leader().await;
        let first = self.group(1).clone();
        for number in 2..=size {
            first
                .add_learner(node(number), format!("node-{number}"), LONG)
                .await
                .unwrap();
        }
        first.change_voters((1..=size).map(node), LONG).await.unwrap();
    }

    /// What a node that was never started finds on its disk.
    pub(crate) fn begin_with(&mut self, node: NodeId, disk: MemoryDisk) {
        self.disks.insert(node, disk);
    }

    /// Starts a node with what its disk has.
    pub(crate) async fn start(&mut self, node: NodeId) {
        atp_consensus::runtime::seed_thread(u64::from(node.get()));
        let disk: Arc<MemoryDisk> = Arc::new(self.disks.entry(node).or_default().clone());
        let (store, writer) = Store::open(disk.clone(), atp_storage::store::Options::default()).unwrap();
        let begin = tokio::time::Instant::now();
        let stuck = watch::Sender::new(false);
        let environment = Environment {
            node,
            store,
            log_io: SlowLogIo::new(writer, self.sync, stuck.subscribe()),
            snapshots: Snapshots::new(disk),
            transport: self.network.transport(node),
            blocking: Arc::new(Inline),
            reads: 1,
            clock: Arc::new(move || 1_000_000 + u64::try_from(begin.elapsed().as_micros()).unwrap()),
        };
        let groups = Groups::new(environment, self.options.clone());
        let replaced = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&replaced);
        let subscriber = move |applied: Applied<String>| {
            counted.fetch_add(usize::from(applied.effects.is_empty()), Ordering::Relaxed);
        };
        let group = groups
            .open(GROUP, Registers::default(), Box::new(subscriber))
            .await
            .unwrap();
        self.network.connect(node, groups.clone());
        self.stuck.insert(node, stuck);
        self.running.insert(
            node,
            Running {
                groups,
                group,
                replaced,
            },
        );
    }

    /// The disk of a node has room for no more than so many bytes.
    pub(crate) fn limit_disk(&self, node: NodeId, bytes: Option<usize>) {
        self.disks[&node].set_capacity(bytes);
    }

    /// Nothing that a node writes becomes durable, or all of it does again.
    pub(crate) fn stick(&self, node: NodeId, stuck: bool) {
        self.stuck[&node].send_replace(stuck);
    }

    /// The power of a node fails: what it was writing is lost, and it answers nobody any more.
    pub(crate) async fn fail(&mut self, node: NodeId) {
        self.network.disconnect(node);
        self.disks[&node].power_loss(Loss::Tail { kept: 0 });
        // What waited for the disk fails.
        self.stick(node, false);
        let running = self.running.remove(&node).unwrap();
        assert!(running.groups.stop(LONG).await);
    }

    pub(crate) fn groups(&self, number: u16) -> &Groups {
        &self.running[&node(number)].groups
    }

    pub(crate) fn group(&self, number: u16) -> &Group<Registers> {
        &self.running[&node(number)].group
    }

    /// Waits until a node leads that all running members agree on.
    pub(crate) async fn leader(&self) -> NodeId {
        self.wait("a leader", |statuses| {
            let leader = statuses
                .values()
                .find(|status| status.role == Role::Leader)?
                .leader?;
            statuses
                .values()
                .all(|status| status.leader == Some(leader) || status.members.is_empty())
                .then_some(leader)
        })
        .await
    }

    /// Waits for something in the statuses of the running nodes.
    pub(crate) async fn wait<T>(
        &self,
        what: &str,
        mut look: impl FnMut(&BTreeMap<NodeId, atp_consensus::group::Status>) -> Option<T>,
    ) -> T {
        for _ in 0..20_000 {
            let statuses = self
                .running
                .iter()
                .map(|(node, running)| (*node, running.group.status()))
                .collect();
            if let Some(found) = look(&statuses) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let statuses: Vec<_> = self
            .running
            .values()
            .map(|running| running.group.status())
            .collect();
        panic!("no {what}: {statuses:#?}");
    }

    /// Waits until all running nodes have applied as much as the furthest.
    pub(crate) async fn settle(&self) {
        self.wait("agreement", |statuses| {
            let last = statuses.values().map(|status| status.last_log).max()?;
            statuses
                .values()
                .all(|status| status.applied == last)
                .then_some(())
        })
        .await;
    }

    pub(crate) async fn set(&self, at: u16, key: &str, value: &str) -> u64 {
        self.group(at).propose(set(key, value), LONG).await.unwrap().index
    }

    pub(crate) fn get(&self, at: u16, key: &str) -> Option<String> {
        self.group(at).read(|registers| {
            registers
                .values
                .get(key)
                .map(|value| String::from_utf8(value.clone()).unwrap())
        })
    }
}
