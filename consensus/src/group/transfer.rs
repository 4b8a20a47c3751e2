//! Handing leadership to another voter (Ongaro, dissertation, section 3.10).
//!
//! The leader proposes nothing more, waits until the other has its whole log, and asks it to stand. The other's requests for
//! votes say so, and the voters do not let the leader's lease hold them off (`rpc::server`). Proposals wait in the queue, and go to
//! the new leader.

use std::time::Duration;

use atp_protocol::cluster::NodeId;
use openraft::AsyncRuntime;
use tokio::sync::watch;

use super::{ChangeError, Core, status};
use crate::rpc::{Reply, Request};
use crate::runtime::{self, Runtime};
use crate::transport::Lane;
use crate::types::{LogId, Metrics, raft_id};

/// How long the other has to be elected before proposals go on here.
const ELECTION: Duration = Duration::from_millis(500);

/// Lets proposals go on when it is dropped.
struct Hold<'a>(&'a watch::Sender<bool>);

impl<'a> Hold<'a> {
    /// `None` when proposals are held already.
    fn new(held: &'a watch::Sender<bool>) -> Option<Self> {
        held.send_if_modified(|held| !std::mem::replace(held, true))
            .then_some(Self(held))
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

impl Core {
    pub(super) async fn transfer(&self, to: NodeId, within: Duration) -> Result<(), ChangeError> {
        let until = runtime::deadline(within);
        let term = self.may_transfer(to)?;
        let Some(_held) = Hold::new(&self.held) else {
            return Err(ChangeError::InProgress);
        };
        self.caught_up(to, term, within).await?;
        let left = runtime::left(until).min(ELECTION);
        let reply = self
            .links
            .call(to, Lane::Control, Request::Stand { term }, left)
            .await;
        match reply {
            Ok(Reply::Standing) => {}
            Ok(_) => return Err(ChangeError::Impossible(format!("node {to} does not stand"))),
            Err(error) => {
                return Err(ChangeError::Impossible(format!(
                    "node {to} does not stand: {error}"
                )));
            }
        }
        let mut metrics = self.metrics.clone();
        let leads =
            metrics.wait_for(|metrics| metrics.current_term > term && status::leader(metrics).is_some());
        match Runtime::timeout(left, leads).await {
            Ok(Ok(metrics)) if metrics.current_leader == Some(raft_id(to)) => Ok(()),
            Ok(Ok(_)) => Err(ChangeError::Impossible("another node was elected".to_owned())),
            Ok(Err(_)) => Err(ChangeError::Stopped("it was stopped".to_owned())),
            Err(_) => Err(ChangeError::OutcomeUnknown(format!(
                "node {to} was not elected in time"
            ))),
        }
    }

    /// The term in which this node leads, if the other may follow it.
    fn may_transfer(&self, to: NodeId) -> Result<u64, ChangeError> {
        let metrics = self.metrics.borrow();
        if metrics.running_state.is_err() || !metrics.state.is_leader() {
            return Err(ChangeError::NotLeader {
                leader: status::leader(&metrics),
            });
        }
        if metrics.id == raft_id(to) {
            return Err(ChangeError::Impossible("this node leads already".to_owned()));
        }
        if !metrics
            .membership_config
            .voter_ids()
            .any(|voter| voter == raft_id(to))
        {
            return Err(ChangeError::Impossible(format!("node {to} has no vote")));
        }
        Ok(metrics.current_term)
    }

    /// Waits until the other has all of the log.
    async fn caught_up(&self, to: NodeId, term: u64, within: Duration) -> Result<(), ChangeError> {
        let has_all = |metrics: &Metrics| {
            let matched: Option<LogId> = metrics
                .replication
                .as_ref()
                .and_then(|replication| *replication.get(&raft_id(to))?);
            matched.map(|id| id.index) == metrics.last_log_index
        };
        let mut metrics = self.metrics.clone();
        let waited = metrics.wait_for(|metrics| {
            has_all(metrics)
                || metrics.running_state.is_err()
                || metrics.current_term != term
                || !metrics.state.is_leader()
        });
        match Runtime::timeout(within, waited).await {
            Ok(Ok(metrics)) if has_all(&metrics) => Ok(()),
            Ok(Ok(metrics)) => Err(ChangeError::NotLeader {
                leader: status::leader(&metrics),
            }),
            Ok(Err(_)) => Err(ChangeError::Stopped("it was stopped".to_owned())),
            Err(_) => Err(ChangeError::Impossible(format!("node {to} is too far behind"))),
        }
    }
}
