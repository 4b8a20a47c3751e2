//! A command's way to its reply.

use std::time::Duration;

use atp_protocol::cluster::NodeId;
use openraft::AsyncRuntime;
use tokio::sync::watch;

use super::queue::Claim;
use super::{Core, ProposeError, status};
use crate::rpc::{CallError, Reply, Request};
use crate::runtime::{self, Runtime};
use crate::transport::Unreachable;
use crate::types::{Metrics, node_id, raft_id};

/// How long a node that was told of no leader waits before it looks again, if it hears of none before.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How long a leader that was replaced may take to say what it did not propose.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// A command was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// The index of its entry.
    pub index: u64,
    /// What the machine replied.
    pub reply: Vec<u8>,
}

impl Core {
    pub(super) async fn propose(&self, command: Vec<u8>, within: Duration) -> Result<Proposed, ProposeError> {
        let until = runtime::deadline(within);
        loop {
            let left = runtime::left(until);
            let result = match self.leader() {
                Some(leader) if raft_id(leader) == self.metrics.borrow().id => {
                    self.propose_here(command.clone(), left).await
                }
                Some(leader) => self.propose_at(leader, command.clone(), left).await,
                None => Err(ProposeError::NotLeader { leader: None }),
            };
            match result {
                Err(ProposeError::NotLeader { .. }) => self.another_leader(until).await?,
                result => return result,
            }
        }
    }

    pub(crate) async fn propose_here(
        &self,
        command: Vec<u8>,
        within: Duration,
    ) -> Result<Proposed, ProposeError> {
        if let Some(why) = self.stopped() {
            return Err(ProposeError::Stopped(why));
        }
        let leader = self.leader();
        if leader.is_none_or(|leader| raft_id(leader) != self.metrics.borrow().id) {
            return Err(ProposeError::NotLeader { leader });
        }
        self.gate.pass(&command)?;
        let claim = Claim::default();
        let answer = self.queue.push(command, claim.clone())?;
        match Runtime::timeout(within, answer).await {
            Ok(Ok(answer)) => answer,
            Err(_) if claim.give_up() => Err(ProposeError::Overloaded),
            Ok(Err(_)) | Err(_) => Err(ProposeError::OutcomeUnknown {
                leader: self.leader(),
            }),
        }
    }

    async fn propose_at(
        &self,
        leader: NodeId,
        command: Vec<u8>,
        within: Duration,
    ) -> Result<Proposed, ProposeError> {
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let request = Request::Propose { command, within_ms };
        let mut metrics = self.metrics.clone();
        let reply = tokio::select! {
            biased;
            reply = self.links.ask(leader, request, within) => reply,
            () = replaced(&mut metrics, leader) => {
                return Err(ProposeError::OutcomeUnknown { leader: self.leader() });
            }
        };
        proposed(leader, reply)
    }

    /// Who leads, as far as this node knows.
    pub(super) fn leader(&self) -> Option<NodeId> {
        status::leader(&self.metrics.borrow())
    }

    /// Waits until there may be another leader than the one known.
    async fn another_leader(&self, until: runtime::Instant) -> Result<(), ProposeError> {
        if let Some(why) = self.stopped() {
            return Err(ProposeError::Stopped(why));
        }
        let known = self.leader();
        let left = runtime::left(until);
        if left.is_zero() {
            return Err(ProposeError::NotLeader { leader: known });
        }
        let mut metrics = self.metrics.clone();
        let changed = metrics.wait_for(|metrics| {
            metrics.running_state.is_err() || {
                let leader = status::leader(metrics);
                leader.is_some() && leader != known
            }
        });
        // Late, changed or gone: all are looked at again.
        let _ = Runtime::timeout(left.min(LOOK_AGAIN), changed).await;
        Ok(())
    }

    pub(super) fn me(&self) -> Option<NodeId> {
        node_id(self.metrics.borrow().id)
    }
}

/// Ends when a leader was replaced for so long that it will hardly answer any more.
async fn replaced(metrics: &mut watch::Receiver<Metrics>, leader: NodeId) {
    // The sender ends with the group: then too.
    let _ = metrics
        .wait_for(|metrics| status::leader(metrics).is_some_and(|known| known != leader))
        .await;
    Runtime::sleep(LAST_WORDS).await;
}

/// What the leader's answer means.
pub(crate) fn proposed(leader: NodeId, reply: Result<Reply, CallError>) -> Result<Proposed, ProposeError> {
    match reply {
        Ok(Reply::Proposed { index, reply }) => Ok(Proposed {
            index,
            reply: reply.into_vec(),
        }),
        Ok(Reply::NotProposed(refusal)) => Err(refusal.into()),
        Err(CallError::Overloaded) => Err(ProposeError::Overloaded),
        Err(
            CallError::Unreachable(Unreachable::NotConnected(_))
            | CallError::Unavailable(_)
            | CallError::NoMember,
        ) => Err(ProposeError::NotLeader { leader: Some(leader) }),
        Ok(_)
        | Err(
            CallError::Unreachable(Unreachable::NoAnswer(_))
            | CallError::Malformed(_)
            | CallError::Unexpected,
        ) => Err(ProposeError::OutcomeUnknown { leader: Some(leader) }),
    }
}
