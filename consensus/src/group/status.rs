//! How a group is, as this node sees it.

use atp_protocol::cluster::{GroupId, NodeId};
use tokio::sync::watch;

use crate::types::{LogId, Metrics, node_id};

/// What this node is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It is told the log and has no vote, or takes no part yet.
    Learner,
    /// It votes.
    Follower,
    /// It stands for election.
    Candidate,
    /// It leads.
    Leader,
    /// It stopped.
    Stopped,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberStatus {
    /// Which.
    pub node: NodeId,
    /// Where its link listens.
    pub address: String,
    /// Whether it votes.
    pub voter: bool,
    /// Up to which index its log is known to be the leader's; `None` if unknown, as it is to all but the leader.
    pub matched: Option<u64>,
}

/// How a group is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Which.
    pub group: GroupId,
    /// What this node is.
    pub role: Role,
    /// Who leads, as far as is known.
    pub leader: Option<NodeId>,
    /// The term. Not alone what tells leaders apart: two may lead in one term, one after the other, of whom the later has the higher
    /// node id.
    pub term: u64,
    /// Index of the last entry in the log of this node; 0 for none.
    pub last_log: u64,
    /// Index of the last entry applied on this node; 0 for none.
    pub applied: u64,
    /// Index up to which the last snapshot reaches; 0 for none.
    pub snapshot: u64,
    /// Index up to which the log is purged; 0 for none.
    pub purged: u64,
    /// In the order of their ids. Empty before the first is known.
    pub members: Vec<MemberStatus>,
    /// Whether the members are in the middle of a change.
    pub changing: bool,
    /// Milliseconds since a quorum last answered the leader; only the leader knows.
    pub quorum_age_ms: Option<u64>,
    /// Why the group stopped on this node. It then serves nothing, until the node is started again.
    pub fault: Option<String>,
}

impl Status {
    pub(super) fn new(group: GroupId, metrics: &Metrics) -> Self {
        let membership = metrics.membership_config.membership();
        let voters: Vec<u64> = membership.voter_ids().collect();
        let matched = |node: &u64| {
            let log = metrics.replication.as_ref()?.get(node)?;
            Some(log.map_or(0, |id| id.index))
        };
        let members = membership.nodes().filter_map(|(node, member)| {
            Some(MemberStatus {
                node: node_id(*node)?,
                address: member.address.clone(),
                voter: voters.contains(node),
                matched: matched(node),
            })
        });
        let index = |id: Option<crate::types::LogId>| id.map_or(0, |id| id.index);
        Self {
            group,
            role: role(metrics),
            leader: leader(metrics),
            term: metrics.current_term,
            last_log: metrics.last_log_index.unwrap_or(0),
            applied: index(metrics.last_applied),
            snapshot: index(metrics.snapshot),
            purged: index(metrics.purged),
            members: members.collect(),
            changing: membership.get_joint_config().len() > 1,
            quorum_age_ms: metrics.millis_since_quorum_ack,
            fault: fault(metrics),
        }
    }
}

fn role(metrics: &Metrics) -> Role {
    if metrics.running_state.is_err() {
        return Role::Stopped;
    }
    match metrics.state {
        openraft::ServerState::Learner => Role::Learner,
        openraft::ServerState::Follower => Role::Follower,
        openraft::ServerState::Candidate => Role::Candidate,
        openraft::ServerState::Leader => Role::Leader,
        openraft::ServerState::Shutdown => Role::Stopped,
    }
}

/// Who leads. A node that was the last to lead and is not sure of it any more says so by leading nobody.
pub(super) fn leader(metrics: &Metrics) -> Option<NodeId> {
    let leader = metrics.current_leader?;
    let led = leader != metrics.id || metrics.state.is_leader();
    led.then(|| node_id(leader)).flatten()
}

/// Why a group stopped, if that is why it did; a group that was stopped has no fault.
pub(super) fn fault(metrics: &Metrics) -> Option<String> {
    match &metrics.running_state {
        Ok(()) | Err(openraft::error::Fatal::Stopped) => None,
        Err(fatal) => Some(fatal.to_string()),
    }
}

/// Follows the status of a group.
#[derive(Clone)]
pub struct StatusWatch {
    group: GroupId,
    metrics: watch::Receiver<Metrics>,
    /// What was told last of who leads, and of the members.
    leader: Option<(u64, Option<NodeId>)>,
    members: Option<Option<LogId>>,
}

impl StatusWatch {
    pub(super) fn new(group: GroupId, metrics: watch::Receiver<Metrics>) -> Self {
        Self {
            group,
            metrics,
            leader: None,
            members: None,
        }
    }

    /// How it is.
    #[must_use]
    pub fn get(&self) -> Status {
        Status::new(self.group, &self.metrics.borrow())
    }

    /// Waits until something changed since the last call, which may be something that the status does not show. `false` when the group
    /// is gone.
    pub async fn changed(&mut self) -> bool {
        self.metrics.changed().await.is_ok()
    }

    /// The term and who leads, when that is something else than this said last: at once the first time. `None` when the group is gone.
    ///
    /// Wakes for less than [`Self::changed`], which ends with every entry.
    pub async fn next_leader(&mut self) -> Option<(u64, Option<NodeId>)> {
        let now = |metrics: &Metrics| (metrics.current_term, leader(metrics));
        let told = self.leader;
        let metrics = self.metrics.wait_for(|metrics| Some(now(metrics)) != told).await;
        self.leader = Some(now(&*metrics.ok()?));
        self.leader
    }

    /// Waits until the group has stopped, and tells why. `None` when it was stopped in order.
    pub async fn failed(&mut self) -> Option<String> {
        let failed = self.metrics.wait_for(|metrics| fault(metrics).is_some()).await;
        fault(&*failed.ok()?)
    }

    /// Waits until the members are others than when this ended last: ends at once the first time. `false` when the group is gone.
    pub async fn members_changed(&mut self) -> bool {
        let now = |metrics: &Metrics| *metrics.membership_config.log_id();
        let told = self.members;
        let Ok(metrics) = self.metrics.wait_for(|metrics| Some(now(metrics)) != told).await else {
            return false;
        };
        self.members = Some(now(&metrics));
        true
    }

    /// Waits for a status. `None` when the group went before there was such a one.
    pub async fn wait_for(&mut self, mut is: impl FnMut(&Status) -> bool) -> Option<Status> {
        loop {
            let status = {
                let metrics = self.metrics.borrow_and_update();
                Status::new(self.group, &metrics)
            };
            if is(&status) {
                return Some(status);
            }
            if !self.changed().await {
                return None;
            }
        }
    }
}
