//! Takes over the streams of owners that were lost (docs/adr/0013).
//!
//! The leader of a journal group does so for streams of nodes that it does not reach, and every node for those that it ran itself
//! before it was started anew. A stream whose owner is reached stays there, whoever leads.
//!
//! Looked at when a leader or the reach of a member changed, found out every [`EVERY`]; what fails is tried again then.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

use atp_actors::owners::Owner;
use atp_actors::session::Router;
use atp_actors::streams::{Adopted, adopt};
use atp_consensus::group::Group;
use atp_consensus::journal::Journal;
use atp_consensus::journal::streams::Stream;
use atp_protocol::cluster::{GroupId, NodeId};
use atp_protocol::resume::Binding;
use tracing::{info, warn};

use crate::cluster::{Cluster, PATIENCE};

/// How often it is looked whether anybody was lost.
const EVERY: Duration = Duration::from_millis(100);

/// One arbiter's share in it.
pub(crate) struct Failover {
    pub(crate) cluster: Cluster,
    pub(crate) router: Rc<Router>,
    /// Which of so many arbiters this is.
    pub(crate) share: (usize, usize),
}

/// What it depends on who takes what over.
#[derive(PartialEq, Eq)]
struct Picture {
    leaders: Vec<Option<NodeId>>,
    reached: BTreeSet<NodeId>,
}

impl Failover {
    /// Goes on until the node stops.
    pub(crate) async fn keep(self) {
        let mut ticks = tokio::time::interval(EVERY);
        let mut leaders = self.cluster.owners.watch();
        let mut seen = None;
        // Groups in which nothing is left of what this node ran before it was started.
        let mut settled = BTreeSet::new();
        loop {
            tokio::select! {
                biased;
                changed = leaders.changed() => if changed.is_err() { return },
                _ = ticks.tick() => {}
            }
            let now = self.picture();
            if seen.as_ref() != Some(&now) && self.look_after_all(&mut settled).await {
                seen = Some(now);
            }
        }
    }

    fn picture(&self) -> Picture {
        let members: Vec<NodeId> = self.cluster.meta.read(|meta| {
            let members = meta.cluster().members();
            members.map(|(node, _)| node).collect()
        });
        Picture {
            leaders: self.cluster.owners.watch().borrow().clone(),
            reached: members
                .into_iter()
                .filter(|node| self.cluster.is_reached(*node))
                .collect(),
        }
    }

    /// False if something is left to be tried again.
    async fn look_after_all(&self, settled: &mut BTreeSet<GroupId>) -> bool {
        let mut is_done = true;
        for group in self.cluster.journals.iter() {
            let is_first = !settled.contains(&group.id());
            let leads = self.cluster.owners.of_group(group.id()) == Owner::Here;
            if !is_first && !leads {
                continue;
            }
            match self.look_after(group, leads, is_first).await {
                true => drop(settled.insert(group.id())),
                false => is_done = false,
            }
        }
        // Who waits for a stream finds what it ended with meanwhile.
        self.router.shared.streams.stir();
        is_done
    }

    async fn look_after(&self, group: &Group<Journal>, leads: bool, is_first: bool) -> bool {
        if group.linearize(PATIENCE).await.is_err() {
            return false;
        }
        let lost = group.read(|journal| {
            let running = journal.streams().running();
            let lost =
                running.filter(|(id, record)| self.is_ours(id) && self.is_lost(id, record, leads, is_first));
            lost.map(|(id, record)| (id.clone(), record.clone()))
                .collect::<Vec<_>>()
        });
        let mut is_done = true;
        for (id, record) in lost {
            match adopt(&self.router, &id, &record).await {
                Ok(Adopted::Left) => {}
                Ok(adopted) => {
                    info!(stream = %id.stream, owner = %record.owner, ?adopted, "stream taken over");
                }
                Err(fault) => {
                    warn!(stream = %id.stream, owner = %record.owner, %fault, "stream is not taken over; trying again");
                    is_done = false;
                }
            }
        }
        is_done
    }

    /// Streams are dealt out to arbiters by name.
    fn is_ours(&self, id: &Binding) -> bool {
        let (shard, shards) = self.share;
        let mut hasher = DefaultHasher::new();
        id.stream.as_str().hash(&mut hasher);
        hasher.finish() % shards as u64 == shard as u64
    }

    fn is_lost(&self, id: &Binding, record: &Stream, leads: bool, is_first: bool) -> bool {
        if record.owner != self.cluster.node() {
            return leads && !self.cluster.is_reached(record.owner);
        }
        let streams = &self.router.shared.streams;
        let session = Some(id.session.as_str());
        is_first && streams.find(&id.tenant, &id.stream, session).is_err()
    }
}
