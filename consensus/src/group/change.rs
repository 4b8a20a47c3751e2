//! Changing who belongs to a group, a step at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use atp_protocol::cluster::NodeId;
use openraft::error::{ChangeMembershipError, ClientWriteError, RaftError};
use openraft::raft::ClientWriteResponse;
use openraft::{AsyncRuntime, ChangeMembers};

use super::{ChangeError, Core};
use crate::runtime::Runtime;
use crate::types::{Member, Types, node_id, raft_id};

type Written = Result<ClientWriteResponse<Types>, RaftError<u64, ClientWriteError<u64, Member>>>;

impl Core {
    pub(super) async fn add_learner(
        &self,
        node: NodeId,
        address: String,
        within: Duration,
    ) -> Result<(), ChangeError> {
        let nodes = BTreeMap::from([(raft_id(node), Member { address })]);
        self.change(ChangeMembers::AddNodes(nodes), within).await
    }

    pub(super) async fn readdress(
        &self,
        node: NodeId,
        address: String,
        within: Duration,
    ) -> Result<(), ChangeError> {
        // Who is meant is known by number and proved by certificate: an address that is wrong reaches nobody.
        let nodes = BTreeMap::from([(raft_id(node), Member { address })]);
        self.change(ChangeMembers::SetNodes(nodes), within).await
    }

    pub(super) async fn change_voters(
        &self,
        voters: BTreeSet<NodeId>,
        within: Duration,
    ) -> Result<(), ChangeError> {
        if voters.is_empty() {
            return Err(ChangeError::Impossible("a group needs a voter".to_owned()));
        }
        let voters = voters.into_iter().map(raft_id).collect();
        self.change(ChangeMembers::ReplaceAllVoters(voters), within).await
    }

    pub(super) async fn remove_learner(&self, node: NodeId, within: Duration) -> Result<(), ChangeError> {
        let nodes = BTreeSet::from([raft_id(node)]);
        self.change(ChangeMembers::RemoveNodes(nodes), within).await
    }

    async fn change(&self, change: ChangeMembers<u64, Member>, within: Duration) -> Result<(), ChangeError> {
        self.written(within, self.raft.change_membership(change, false))
            .await
    }

    async fn written(
        &self,
        within: Duration,
        write: impl Future<Output = Written> + Send,
    ) -> Result<(), ChangeError> {
        match Runtime::timeout(within, write).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(refused(error)),
            Err(_) => Err(ChangeError::OutcomeUnknown("no quorum agreed in time".to_owned())),
        }
    }
}

fn refused(error: RaftError<u64, ClientWriteError<u64, Member>>) -> ChangeError {
    match error {
        // It may also be that the entry was truncated: the members say.
        RaftError::APIError(ClientWriteError::ForwardToLeader(forward)) => ChangeError::NotLeader {
            leader: forward.leader_id.and_then(node_id),
        },
        RaftError::APIError(ClientWriteError::ChangeMembershipError(error)) => match error {
            ChangeMembershipError::InProgress(_) => ChangeError::InProgress,
            ChangeMembershipError::EmptyMembership(_) => {
                ChangeError::Impossible("a group needs a voter".to_owned())
            }
            ChangeMembershipError::LearnerNotFound(absent) => ChangeError::Impossible(format!(
                "node {} is no member that this can be done with; add it as a learner first, or take its vote first",
                absent.node_id
            )),
        },
        RaftError::Fatal(fatal) => ChangeError::Stopped(fatal.to_string()),
    }
}
