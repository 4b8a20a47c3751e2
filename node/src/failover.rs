//! Takes over the streams of owners that were lost (docs/adr/0013).
//!
//! The leader of a journal group does so for streams of nodes that it does not reach, and every node for those that it ran itself
//! before it was started anew. A stream whose owner is reached stays there, whoever leads.
//!
//! Looked at when a leader or the reach of a member changed, found out every [`EVERY`]; what fails is tried again then. An attempt of which
//! it is not known what came of it may have made this node the owner: it is gone on with here, whoever leads meanwhile.

use std::collections::{BTreeMap, BTreeSet};
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
        let mut own = Own::default();
        loop {
            tokio::select! {
                biased;
                changed = leaders.changed() => if changed.is_err() { return },
                _ = ticks.tick() => {}
            }
            let now = self.picture();
            if seen.as_ref() != Some(&now) && self.look_after_all(&mut own).await {
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
    async fn look_after_all(&self, own: &mut Own) -> bool {
        let mut is_done = true;
        for group in self.cluster.journals.iter() {
            let leads = self.cluster.owners.of_group(group.id()) == Owner::Here;
            if !leads && own.is_settled(group.id()) {
                continue;
            }
            is_done &= self.look_after(group, leads, own).await;
        }
        // Who waits for a stream finds what it ended with meanwhile.
        self.router.shared.streams.stir();
        is_done
    }

    async fn look_after(&self, group: &Group<Journal>, leads: bool, own: &mut Own) -> bool {
        if group.linearize(PATIENCE).await.is_err() {
            return false;
        }
        let lost = group.read(|journal| {
            let running = journal.streams().running();
            let lost = running
                .filter(|(id, record)| self.is_ours(id) && self.is_lost(id, record, leads, group.id(), own));
            lost.map(|(id, record)| (id.clone(), record.clone()))
                .collect::<Vec<_>>()
        });
        let mut begun = BTreeSet::new();
        for (id, record) in lost {
            match adopt(&self.router, &id, &record).await {
                Ok(Adopted::Left) => {}
                Ok(adopted) => {
                    info!(stream = %id.stream, owner = %record.owner, ?adopted, "stream taken over");
                }
                Err(fault) => {
                    warn!(stream = %id.stream, owner = %record.owner, %fault, "stream is not taken over; trying again");
                    begun.insert(id);
                }
            }
        }
        let is_done = begun.is_empty();
        own.looked_after(group.id(), begun);
        is_done
    }

    /// Streams are dealt out to arbiters by name.
    fn is_ours(&self, id: &Binding) -> bool {
        let (shard, shards) = self.share;
        let mut hasher = DefaultHasher::new();
        id.stream.as_str().hash(&mut hasher);
        hasher.finish() % shards as u64 == shard as u64
    }

    fn is_lost(&self, id: &Binding, record: &Stream, leads: bool, group: GroupId, own: &Own) -> bool {
        if record.owner != self.cluster.node() {
            return leads && !self.cluster.is_reached(record.owner);
        }
        let streams = &self.router.shared.streams;
        let session = Some(id.session.as_str());
        own.may_be_lost(group, id) && streams.find(&id.tenant, &id.stream, session).is_err()
    }
}

/// Which streams on record as this node's may be run by nobody.
#[derive(Default)]
struct Own {
    /// By group, those that were begun to be taken over. In a group that is not here yet it may be any: from before this node was
    /// started.
    begun: BTreeMap<GroupId, BTreeSet<Binding>>,
}

impl Own {
    /// Whether there are none.
    fn is_settled(&self, group: GroupId) -> bool {
        self.begun.get(&group).is_some_and(BTreeSet::is_empty)
    }

    fn may_be_lost(&self, group: GroupId, stream: &Binding) -> bool {
        let begun = self.begun.get(&group);
        begun.is_none_or(|begun| begun.contains(stream))
    }

    /// All of a group were looked after, and of `begun` it is not known what came.
    fn looked_after(&mut self, group: GroupId, begun: BTreeSet<Binding>) {
        self.begun.insert(group, begun);
    }
}

#[cfg(test)]
mod tests {
    use atp_protocol::ids::{SessionId, StreamId, TenantId};

    use super::*;

    fn stream(name: &str) -> Binding {
        Binding {
            tenant: TenantId::new("t").unwrap(),
            session: SessionId::new("s").unwrap(),
            stream: StreamId::new(name).unwrap(),
        }
    }

    #[test]
    fn a_take_over_of_unknown_outcome_is_gone_on_with_until_it_is_known() {
        let (group, mut own) = (GroupId(3), Own::default());
        assert!(
            own.may_be_lost(group, &stream("any")) && !own.is_settled(group),
            "after a start"
        );
        own.looked_after(group, BTreeSet::from([stream("unknown")]));
        assert!(own.may_be_lost(group, &stream("unknown")) && !own.is_settled(group));
        assert!(!own.may_be_lost(group, &stream("another")));
        own.looked_after(group, BTreeSet::new());
        assert!(!own.may_be_lost(group, &stream("unknown")) && own.is_settled(group));
    }
}
