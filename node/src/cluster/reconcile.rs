//! Makes the groups what `meta` says the cluster is: everybody a member, leaders spread over those who can lead.
//!
//! Each node does so for the groups that it leads, again and again: what was left half done by another leader is found there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use atp_consensus::group::{ChangeError, Group, Role, Status};
use atp_consensus::machine::Machine;
use atp_consensus::meta::cluster::{RaiseVersion, RaiseVersionReply};
use atp_consensus::placement::{Led, Move, Step, balance, next_step};
use atp_protocol::cluster::{GroupId, NodeId};
use futures_util::future::join_all;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::{Cluster, PATIENCE, RELEASE, propose};

/// How often the groups led here are looked at when nothing changes.
const EVERY: Duration = Duration::from_millis(250);

/// How often leaders are spread: an election is to be over by then, and a node that just came to have caught up.
const BALANCE_EVERY: Duration = Duration::from_secs(5);

/// How many entries a learner may be behind when it is given a vote.
const LAG: u64 = 256;

/// Keeps the groups led here in step, until the node stops.
pub(super) async fn keep(cluster: Cluster, mut changes: watch::Receiver<u64>) {
    let mut ticks = tokio::time::interval(EVERY);
    let mut balances = tokio::time::interval(BALANCE_EVERY);
    balances.reset();
    loop {
        tokio::select! {
            biased;
            _ = balances.tick() => cluster.spread().await,
            _ = ticks.tick() => cluster.take_in().await,
            changed = changes.changed() => match changed {
                Ok(()) => cluster.take_in().await,
                Err(_) => return,
            },
        }
    }
}

impl Cluster {
    /// One step, in every group led here, towards all members of the cluster having a vote.
    async fn take_in(&self) {
        let wanted: BTreeMap<NodeId, String> = self.meta.read(|meta| {
            let members = meta.cluster().members();
            members
                .map(|(node, member)| (node, member.link.clone()))
                .collect()
        });
        // Before the cluster knows its members there is nothing to go by.
        if wanted.is_empty() {
            return;
        }
        let journals = self.journals.iter().map(|group| step(group, &wanted));
        tokio::join!(
            step(&self.meta, &wanted),
            join_all(journals),
            self.raise_version()
        );
    }

    /// Has the cluster agree on the version that all of its members read, once that is a later one (docs/adr/0017).
    async fn raise_version(&self) {
        if self.meta.status().role != Role::Leader {
            return;
        }
        let Some(to) = self.meta.read(|meta| meta.cluster().next_version()) else {
            return;
        };
        let raise = RaiseVersion {
            to,
            release: RELEASE.to_owned(),
        };
        match propose(&self.meta, &raise).await {
            Ok(RaiseVersionReply::Raised { version }) => info!(version, "version of the cluster raised"),
            // Looked at again soon.
            Ok(reply) => debug!(to, ?reply, "version of the cluster not raised"),
            Err(fault) => debug!(to, %fault, "version of the cluster not raised"),
        }
    }

    /// Hands over groups that others should lead.
    async fn spread(&self) {
        let able = self.able();
        self.carry_out_own(balance(&self.led(), &able)).await;
    }

    /// Carries out those of `moves` that are this node's.
    pub(super) async fn carry_out_own(&self, moves: Vec<Move>) {
        let own = moves.into_iter().filter(|moving| moving.from == self.node());
        let all = own.map(|moving| async move {
            if let Err(error) = self.transfer(moving.group, moving.to).await {
                debug!(group = %moving.group, to = %moving.to, %error, "leadership is not handed over");
            }
        });
        join_all(all).await;
    }

    /// The groups that have a leader.
    pub(super) fn led(&self) -> Vec<Led> {
        self.groups.statuses().iter().filter_map(led).collect()
    }

    /// Makes `to` the leader of a group that this node leads.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub(crate) async fn transfer(&self, group: GroupId, to: NodeId) -> Result<(), ChangeError> {
        match self.journal(group) {
            Some(journal) => journal.transfer(to, PATIENCE).await,
            None => self.meta.transfer(to, PATIENCE).await,
        }?;
        info!(%group, %to, "leadership handed over");
        Ok(())
    }

    /// The members that may lead: those who are reached, and neither take no new work, as far as is heard, nor are to take none. Who has
    /// just come is not heard yet, and may lead.
    pub(super) fn able(&self) -> BTreeSet<NodeId> {
        let is_able = |node: &NodeId| {
            let leaves = self.facts_of(*node, |facts| facts.is_draining);
            self.is_reached(*node) && !leaves.unwrap_or(false)
        };
        self.meta.read(|meta| {
            let members = meta.cluster().members();
            members
                .filter(|(node, member)| !member.is_draining && is_able(node))
                .map(|(node, _)| node)
                .collect()
        })
    }
}

fn led(status: &Status) -> Option<Led> {
    let voters = status.members.iter().filter(|member| member.voter);
    Some(Led {
        group: status.group,
        leader: status.leader?,
        voters: voters.map(|member| member.node).collect(),
    })
}

async fn step<M: Machine>(group: &Group<M>, wanted: &BTreeMap<NodeId, String>) {
    let status = group.status();
    if status.role != Role::Leader {
        return;
    }
    let Some(step) = next_step(wanted, &status, LAG) else {
        return;
    };
    let done = match &step {
        Step::AddLearner { node, address } => group.add_learner(*node, address.clone(), PATIENCE).await,
        Step::Readdress { node, address } => group.readdress(*node, address.clone(), PATIENCE).await,
        Step::ChangeVoters(voters) => group.change_voters(voters.iter().copied(), PATIENCE).await,
        Step::Transfer(to) => group.transfer(*to, PATIENCE).await,
        Step::RemoveLearner(node) => group.remove_learner(*node, PATIENCE).await,
    };
    match done {
        Ok(()) => info!(group = %group.id(), ?step, "members of the group changed"),
        // Looked at again soon.
        Err(error) => warn!(group = %group.id(), ?step, %error, "members of the group are not changed"),
    }
}
