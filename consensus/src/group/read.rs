//! Reads that see what was done before them (Ongaro, dissertation, section 6.4: ReadIndex).

use std::time::Duration;

use openraft::AsyncRuntime;
use openraft::error::{CheckIsLeaderError, RaftError};

use super::{Core, ReadError};
use crate::rpc::{ReadRefusal, Reply, Request};
use crate::runtime::{self, Runtime};
use crate::types::node_id;

/// How long to wait before the leader is asked, or looked for, again.
const ASK_AGAIN: Duration = Duration::from_millis(10);

impl Core {
    pub(super) async fn read_index(&self, within: Duration) -> Result<u64, ReadError> {
        let until = runtime::deadline(within);
        loop {
            let left = runtime::left(until);
            let result = match self.leader() {
                Some(leader) if Some(leader) == self.me() => self.read_index_here(left).await,
                Some(leader) => {
                    let within_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
                    let request = Request::ReadIndex { within_ms };
                    match self.links.ask(leader, request, left).await {
                        Ok(Reply::ReadIndex { index }) => Ok(index),
                        Ok(Reply::NoReadIndex(ReadRefusal::NoQuorum)) => Err(ReadError::TooLate),
                        // The leader known is none, or cannot say.
                        Ok(_) | Err(_) => Err(ReadError::NotLeader { leader: Some(leader) }),
                    }
                }
                None => Err(ReadError::NotLeader { leader: None }),
            };
            if let Some(why) = self.stopped() {
                return Err(ReadError::Stopped(why));
            }
            if result.is_ok() || left.is_zero() {
                return result;
            }
            Runtime::sleep(left.min(ASK_AGAIN)).await;
        }
    }

    /// As the leader: a quorum is asked whether this node still is.
    pub(crate) async fn read_index_here(&self, within: Duration) -> Result<u64, ReadError> {
        let asked = self.raft.get_read_log_id();
        match Runtime::timeout(within, asked).await {
            Err(_) => Err(ReadError::TooLate),
            Ok(Ok((index, _))) => Ok(index.map_or(0, |id| id.index)),
            Ok(Err(RaftError::APIError(CheckIsLeaderError::ForwardToLeader(forward)))) => {
                Err(ReadError::NotLeader {
                    leader: forward.leader_id.and_then(node_id),
                })
            }
            Ok(Err(RaftError::APIError(CheckIsLeaderError::QuorumNotEnough(_)))) => Err(ReadError::TooLate),
            Ok(Err(RaftError::Fatal(fatal))) => Err(ReadError::Stopped(fatal.to_string())),
        }
    }

    pub(super) async fn wait_applied(&self, index: u64, within: Duration) -> Result<(), ReadError> {
        let mut applied = self.applied.clone();
        let mut metrics = self.metrics.clone();
        let reached = async {
            tokio::select! {
                biased;
                reached = applied.wait_for(|applied| *applied >= index) => reached.is_ok(),
                _ = metrics.wait_for(|metrics| metrics.running_state.is_err()) => false,
            }
        };
        match Runtime::timeout(within, reached).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(ReadError::Stopped(
                self.stopped().unwrap_or_else(|| "it was stopped".to_owned()),
            )),
            Err(_) => Err(ReadError::TooLate),
        }
    }

    pub(super) async fn linearize(&self, within: Duration) -> Result<u64, ReadError> {
        let until = runtime::deadline(within);
        let index = self.read_index(within).await?;
        self.wait_applied(index, runtime::left(until)).await?;
        Ok(index)
    }
}
