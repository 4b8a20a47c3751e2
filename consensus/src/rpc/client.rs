//! openraft's network traits over [`Transport`].

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use atp_protocol::cluster::{GroupId, NodeId};
use openraft::OptionalSend;
use openraft::error::{
    Fatal, NetworkError, RPCError, RaftError, ReplicationClosed, StreamingError,
    Unreachable as RaftUnreachable,
};
use openraft::network::{Backoff, RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};

use tokio::sync::Semaphore;

use super::{Message, Reply, Request};
use crate::log_store::Log;
use crate::transport::{Lane, Transport, Unreachable};
use crate::types::{Member, Snapshot, Types, Vote, node_id};
use crate::wire::{self, EntryForm};

/// How long a member that cannot be reached is left alone: less than a heartbeat, as no connection is made by asking.
const BACKOFF: Duration = Duration::from_millis(20);
/// Bytes of a snapshot in a request.
const CHUNK: usize = 512 * 1024;
/// How long a receiver may take to store a piece of a snapshot.
const CHUNK_DEADLINE: Duration = Duration::from_secs(10);
/// How long a receiver may take to install one.
const INSTALL_DEADLINE: Duration = Duration::from_secs(120);

type RpcError = RPCError<u64, Member, RaftError<u64>>;
type StreamError = StreamingError<Types, Fatal<u64>>;

/// Why a member gave no useful answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error("not a member")]
    NoMember,
    #[error("the member does not serve the group: {0}")]
    Unavailable(String),
    #[error("the answer cannot be read")]
    Malformed(#[from] wire::FormError),
    #[error("the answer is to another question")]
    Unexpected,
    #[error("too much is asked of other members already")]
    Overloaded,
}

/// The members of one group.
#[derive(Clone)]
pub(crate) struct Links {
    pub(crate) group: GroupId,
    pub(crate) transport: Arc<dyn Transport>,
    /// The term in which this node stands because the leader asked it to.
    pub(crate) standing: Arc<AtomicU64>,
    /// For what is neither append nor vote, of all groups of the node.
    pub(crate) room: Arc<Semaphore>,
}

impl Links {
    /// Asks a member what can wait: fails at once when this node asks too much already.
    pub(crate) async fn ask(
        &self,
        to: NodeId,
        request: Request,
        deadline: Duration,
    ) -> Result<Reply, CallError> {
        let _room = self.room.try_acquire().map_err(|_| CallError::Overloaded)?;
        self.call(to, Lane::Control, request, deadline).await
    }

    /// Asks a member.
    pub(crate) async fn call(
        &self,
        to: NodeId,
        lane: Lane,
        request: Request,
        deadline: Duration,
    ) -> Result<Reply, CallError> {
        let message = wire::encode(&Message {
            group: self.group,
            request,
        });
        let reply = self.transport.call(to, lane, message, deadline).await?;
        match wire::decode(&reply)? {
            Reply::Unavailable(why) => Err(CallError::Unavailable(why)),
            reply => Ok(reply),
        }
    }
}

/// The members of one group, as openraft reaches them.
pub(crate) struct Network {
    pub(crate) links: Links,
    /// Says what of this node's log is durable.
    pub(crate) log: Log,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Link;

    async fn new_client(&mut self, target: u64, _node: &Member) -> Link {
        Link {
            links: self.links.clone(),
            log: self.log.clone(),
            to: node_id(target),
        }
    }
}

/// One member.
pub(crate) struct Link {
    links: Links,
    log: Log,
    to: Option<NodeId>,
}

impl Link {
    async fn call(&self, lane: Lane, request: Request, deadline: Duration) -> Result<Reply, CallError> {
        let to = self.to.ok_or(CallError::NoMember)?;
        self.links.call(to, lane, request, deadline).await
    }

    async fn bulk(&self, request: Request, deadline: Duration) -> Result<Reply, StreamError> {
        self.call(Lane::Bulk, request, deadline)
            .await
            .map_err(|error| RaftUnreachable::new(&error).into())
    }

    /// Sends what the receiver does not have, then has it installed. Returns the receiver's vote.
    async fn send_snapshot(&self, vote: Vote, snapshot: Snapshot) -> Result<Vote, StreamError> {
        let handle = *snapshot.snapshot;
        let index = handle.position().index();
        let offer = Request::Offer {
            vote: vote.into(),
            index,
            len: handle.len(),
        };
        let mut reply = self.bulk(offer, CHUNK_DEADLINE).await?;
        loop {
            let offset = match reply {
                Reply::Received { len } if len >= handle.len() => break,
                Reply::Received { len } => len,
                Reply::HigherVote(higher) => return Ok(higher.into()),
                _ => return Err(unexpected()),
            };
            let bytes = handle
                .bytes(offset, CHUNK)
                .map_err(|error| StreamError::from(NetworkError::new(&error)))?;
            reply = self
                .bulk(Request::Chunk { index, offset, bytes }, CHUNK_DEADLINE)
                .await?;
        }
        match self
            .bulk(
                Request::Install {
                    vote: vote.into(),
                    index,
                },
                INSTALL_DEADLINE,
            )
            .await?
        {
            Reply::Installed { vote } | Reply::HigherVote(vote) => Ok(vote.into()),
            _ => Err(unexpected()),
        }
    }
}

impl RaftNetwork<Types> for Link {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<u64>, RpcError> {
        // What is committed only by counting this node's entries before they are durable stays here (docs/adr/0014).
        let committed = rpc
            .leader_commit
            .and_then(|committed| self.log.committed_durably(committed));
        let request = Request::Append {
            vote: rpc.vote.into(),
            previous: rpc.prev_log_id.map(Into::into),
            committed: committed.map(Into::into),
            entries: rpc.entries.iter().map(EntryForm::from).collect(),
        };
        match self.call(Lane::Control, request, option.hard_ttl()).await {
            Ok(Reply::Appended) => Ok(AppendEntriesResponse::Success),
            Ok(Reply::Conflict) => Ok(AppendEntriesResponse::Conflict),
            Ok(Reply::HigherVote(vote)) => Ok(AppendEntriesResponse::HigherVote(vote.into())),
            Ok(_) => Err(unreachable(&CallError::Unexpected)),
            Err(error) => Err(unreachable(&error)),
        }
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<u64>,
        option: RPCOption,
    ) -> Result<VoteResponse<u64>, RpcError> {
        let request = Request::Vote {
            vote: rpc.vote.into(),
            last: rpc.last_log_id.map(Into::into),
            transfer: rpc.vote.leader_id.term == self.links.standing.load(Ordering::Acquire),
        };
        match self.call(Lane::Control, request, option.hard_ttl()).await {
            Ok(Reply::Voted { vote, last, granted }) => {
                Ok(VoteResponse::new(Vote::from(vote), last.map(Into::into), granted))
            }
            Ok(_) => Err(unreachable(&CallError::Unexpected)),
            Err(error) => Err(unreachable(&error)),
        }
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<u64>, StreamError> {
        tokio::select! {
            biased;
            closed = cancel => Err(closed.into()),
            sent = self.send_snapshot(vote, snapshot) => sent.map(SnapshotResponse::new),
        }
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(BACKOFF))
    }
}

fn unreachable(error: &CallError) -> RpcError {
    let text = std::io::Error::other(error.to_string());
    RaftUnreachable::new(&text).into()
}

fn unexpected() -> StreamError {
    RaftUnreachable::new(&CallError::Unexpected).into()
}
