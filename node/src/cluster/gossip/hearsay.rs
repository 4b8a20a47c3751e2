//! Who asks adapters how they are, and whose word the others take.
//!
//! A configured adapter is looked after by one of the nodes that are alive and reach it in the same way: the one that a hash of both names
//! ranks first, so that all choose alike and the adapters are spread. An adapter that is attached to one node is looked after there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use atp_actors::adapter::{AdapterName, Hearsay};
use atp_actors::registry::Attachment;
use atp_protocol::adapter::Health;
use atp_protocol::cluster::NodeId;
use atp_protocol::ids::AdapterId;

use crate::adapters::{Origins, models_digest};
use crate::cluster::Cluster;
use crate::gossip::{Condition, Facts};

/// What the gossip says of adapters.
pub(crate) struct FromGossip {
    pub(crate) cluster: Cluster,
    /// Of this node's configuration.
    pub(crate) origins: Arc<Origins>,
}

impl fmt::Debug for FromGossip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromGossip").finish_non_exhaustive()
    }
}

impl Hearsay for FromGossip {
    fn of(&self, name: &AdapterName, attachment: Attachment, models: &[String]) -> Option<Health> {
        match attachment {
            Attachment::Local | Attachment::Dialled => None,
            Attachment::Remote { node, .. } => {
                self.cluster.facts_of(node, |facts| said(facts, name)?.health)?
            }
            Attachment::Configured => {
                let origin = *self.origins.get(&name.id)?;
                let hints = self.cluster.hints()?;
                let members = self.cluster.members();
                let others = hints.iter().filter(|(node, hint)| {
                    hint.is_alive && members.contains(node) && **node != self.cluster.node()
                });
                let others = others.filter_map(|(node, hint)| Some((*node, *said(&hint.facts, name)?)));
                word(
                    &name.id,
                    self.cluster.node(),
                    (origin, models_digest(models)),
                    others.collect(),
                )
            }
        }
    }
}

fn said<'a>(facts: &'a Facts, name: &AdapterName) -> Option<&'a Condition> {
    facts.adapters.get(name)
}

/// The word of whoever looks after a configured adapter; `None` if that is `own`. `known`: what it was configured from here, and a
/// digest of the models it is known to have. `others`: what is heard of it, by node.
fn word(
    id: &AdapterId,
    own: NodeId,
    (origin, models): (u64, u64),
    others: BTreeMap<NodeId, Condition>,
) -> Option<Health> {
    let alike = others.into_iter().filter(|(_, said)| said.origin == Some(origin));
    let (node, said) = alike.max_by_key(|(node, _)| rank(id, *node))?;
    let is_theirs = rank(id, node) > rank(id, own);
    said.health.filter(|_| is_theirs && said.models == models)
}

/// Never the same for two nodes.
fn rank(id: &AdapterId, node: NodeId) -> (u64, NodeId) {
    let mut hasher = blake3::Hasher::new();
    hasher.update(id.as_str().as_bytes());
    hasher.update(&node.get().to_be_bytes());
    let digest = hasher.finalize();
    let first = digest.as_bytes().first_chunk().expect("32 bytes");
    (u64::from_be_bytes(*first), node)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: (u64, u64) = (7, 11);

    fn node(number: u16) -> NodeId {
        NodeId::new(number).unwrap()
    }

    /// What node `number` says, of which the latency is `number`.
    fn said(number: u16, (origin, models): (u64, u64)) -> (NodeId, Condition) {
        let health = Health {
            p95_latency_ms: Some(f64::from(number)),
            ..Health::HEALTHY
        };
        let condition = Condition {
            health: Some(health),
            origin: Some(origin),
            models,
        };
        (node(number), condition)
    }

    /// Whose word `own` takes; itself where it asks.
    fn asks(id: &str, own: u16, alive: &[u16]) -> u16 {
        let others = alive.iter().filter(|number| **number != own);
        let others = others.map(|number| said(*number, KNOWN)).collect();
        let word = word(&AdapterId::new(id).unwrap(), node(own), KNOWN, others);
        word.map_or(own, |health| health.p95_latency_ms.unwrap() as u16)
    }

    #[test]
    fn all_choose_the_same_one_and_another_when_it_is_lost() {
        let mut askers = BTreeMap::new();
        for at in 0..60 {
            let id = format!("provider.{at}");
            let asker = asks(&id, 1, &[1, 2, 3]);
            assert!([2, 3].iter().all(|own| asks(&id, *own, &[1, 2, 3]) == asker));
            *askers.entry(asker).or_insert(0) += 1;
            let left: Vec<u16> = [1, 2, 3].into_iter().filter(|node| *node != asker).collect();
            let next = asks(&id, left[0], &left);
            assert_eq!(asks(&id, left[1], &left), next);
            assert_ne!(next, asker);
        }
        assert!(
            askers.len() == 3 && askers.values().all(|of| *of > 10),
            "{askers:?}"
        );
    }

    #[test]
    fn a_node_that_hears_nothing_of_use_asks_itself() {
        let id = AdapterId::new("provider").unwrap();
        let word_of = |said: (NodeId, Condition)| {
            // Whichever of the two ranks higher, one of them asks.
            let other = said.0;
            let own = if other == node(1) { node(2) } else { node(1) };
            word(&id, own, KNOWN, BTreeMap::from([said]))
        };
        let takes = |known: (u64, u64)| [1, 2].map(|number| word_of(said(number, known)).is_some());
        assert_eq!(takes(KNOWN).iter().filter(|takes| **takes).count(), 1);
        assert_eq!(takes((8, 11)), [false, false], "they reach it in another way");
        assert_eq!(takes((7, 12)), [false, false], "they know it with other models");
        let unasked = |(node, condition): (NodeId, Condition)| {
            let condition = Condition {
                health: None,
                ..condition
            };
            word_of((node, condition)).is_some()
        };
        assert_eq!([1, 2].map(|number| unasked(said(number, KNOWN))), [false, false]);
        assert_eq!(word(&id, node(1), KNOWN, BTreeMap::new()), None);
    }
}
