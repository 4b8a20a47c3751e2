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
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tracing::{info, warn};

use crate::cluster::{Cluster, PATIENCE};

/// How often it is looked whether anybody was lost.
const EVERY: Duration = Duration::from_millis(100);

/// Streams of a group that an arbiter takes over at a time: each waits for its group.
const AT_ONCE: usize = 32;

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
        let groups = self.cluster.journals.iter().filter_map(|group| {
            let leads = self.cluster.owners.of_group(group.id()) == Owner::Here;
            (leads || !own.is_settled(group.id())).then_some((group, leads))
        });
        let known = &*own;
        let looking =
            groups.map(async |(group, leads)| (group.id(), self.look_after(group, leads, known).await));
        let mut is_done = true;
        for (group, begun) in join_all(looking).await {
            is_done &= begun.as_ref().is_some_and(BTreeSet::is_empty);
            if let Some(begun) = begun {
                own.looked_after(group, begun);
            }
        }
        // Who waits for a stream finds what it ended with meanwhile.
        self.router.shared.streams.stir();
        is_done
    }

    /// Those that were begun and of which it is not known what came; `None` if it is not known who is lost.
    async fn look_after(&self, group: &Group<Journal>, leads: bool, own: &Own) -> Option<BTreeSet<Binding>> {
        group.linearize(PATIENCE).await.ok()?;
        // Without their requests: many may be lost at once, and the group waits.
        let lost = group.read(|journal| {
            let running = journal.streams().running();
            let lost = running
                .filter(|(id, record)| self.is_ours(id) && self.is_lost(id, record, leads, group.id(), own));
            lost.map(|(id, record)| (id.clone(), record.owner, record.epoch))
                .collect::<Vec<_>>()
        });
        Some(begun(lost, async |lost| self.is_taken_over(lost).await).await)
    }

    /// False if it is to be tried again.
    async fn is_taken_over(&self, (id, owner, epoch): &Lost) -> bool {
        let adopted = adopt(&self.router, id, *epoch).await;
        match &adopted {
            Ok(Adopted::Left) => {}
            Ok(adopted) => info!(stream = %id.stream, %owner, ?adopted, "stream taken over"),
            Err(fault) => {
                warn!(stream = %id.stream, %owner, %fault, "stream is not taken over; trying again")
            }
        }
        adopted.is_ok()
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

/// What a stream is known by that is lost: its owner, and the epoch that this writes under.
type Lost = (Binding, NodeId, u64);

/// Takes streams over, [`AT_ONCE`]. Those for which that is not done.
async fn begun(lost: Vec<Lost>, is_taken_over: impl AsyncFn(&Lost) -> bool) -> BTreeSet<Binding> {
    let (lost, take_over) = (stream::iter(lost), &is_taken_over);
    let taking = lost.map(async |lost| (take_over(&lost).await, lost.0));
    let taken = taking.buffer_unordered(AT_ONCE);
    let begun = taken.filter_map(async |(is_done, id)| (!is_done).then_some(id));
    begun.collect().await
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

    #[tokio::test(start_paused = true)]
    async fn streams_do_not_wait_for_one_another_to_be_taken_over() {
        let owner = NodeId::new(2).unwrap();
        let lost = (0..AT_ONCE).map(|number| (stream(&number.to_string()), owner, 1));
        let begun = begun(lost.collect(), async |(id, _, _)| {
            tokio::time::sleep(PATIENCE).await;
            id.stream.as_str() != "7"
        });
        let begun = tokio::time::timeout(PATIENCE * 2, begun).await;
        assert_eq!(begun, Ok(BTreeSet::from([stream("7")])), "to be tried again");
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
