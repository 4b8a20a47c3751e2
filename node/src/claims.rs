//! Ends the claims of requests under idempotency keys whose node was lost (docs/adr/0015).
//!
//! A node does so for claims that it does not know, as those of its earlier lives; the leader of their group for those of nodes that it does not
//! reach. What was taken for lost wrongly is answered all the same once its node says how it ended.
//!
//! Looked at every [`EVERY`]; what fails is tried again then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use atp_actors::owners::Owner;
use atp_actors::session::Shared;
use atp_consensus::group::Group;
use atp_consensus::journal::Journal;
use atp_consensus::journal::requests::{End, EndRequest};
use atp_protocol::cluster::NodeId;
use atp_protocol::resume::{Claim, IdempotencyKey};
use tracing::{info, warn};

use crate::cluster::{Cluster, propose};

/// How often it is looked whether anybody was lost.
const EVERY: Duration = Duration::from_millis(250);

/// How often in a row a node is not reached before it is taken for lost: a connection that is made anew is no loss.
const PATIENCE: u32 = 4;

/// Goes on until the node stops.
pub(crate) async fn keep(cluster: Cluster, shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // By member, for how many looks it was not reached.
    let mut missed: BTreeMap<NodeId, u32> = BTreeMap::new();
    loop {
        ticks.tick().await;
        count(&cluster, &mut missed);
        for group in cluster.journals.iter() {
            let leads = cluster.owners.of_group(group.id()) == Owner::Here;
            let lost: Vec<_> = group.read(|journal| {
                let running = journal.requests().running();
                let lost = running.filter(|(key, claim)| match claim.node == cluster.node() {
                    true => !shared.runs(key, claim),
                    false => leads && missed.get(&claim.node).is_some_and(|missed| *missed >= PATIENCE),
                });
                lost.map(|(key, claim)| (key.clone(), claim.clone())).collect()
            });
            for (key, claim) in lost {
                give_up(group, key, claim).await;
            }
        }
    }
}

/// Counts for every node that has a claim how long it has not been reached.
fn count(cluster: &Cluster, missed: &mut BTreeMap<NodeId, u32>) {
    let claiming: BTreeSet<NodeId> = cluster
        .journals
        .iter()
        .flat_map(|group| {
            group.read(|journal| {
                let running = journal.requests().running();
                running.map(|(_, claim)| claim.node).collect::<BTreeSet<_>>()
            })
        })
        .collect();
    missed.retain(|node, _| claiming.contains(node) && !cluster.is_reached(*node));
    for node in claiming {
        if !cluster.is_reached(node) {
            *missed.entry(node).or_default() += 1;
        }
    }
}

async fn give_up(group: &Group<Journal>, key: IdempotencyKey, claim: Claim) {
    let node = claim.node;
    let end = End::Lost;
    match propose(group, &EndRequest { key, claim, end }).await {
        Ok(_) => info!(%node, group = %group.id(), "a request under an idempotency key was cut off"),
        Err(fault) => {
            warn!(%node, group = %group.id(), %fault, "a request that was cut off is not marked yet")
        }
    }
}
