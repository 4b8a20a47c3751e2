//! Answers what other members ask.

use std::sync::atomic::Ordering;
use std::time::Duration;

use atp_protocol::cluster::NodeId;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest};
use serde_bytes::ByteBuf;

use super::{ProposeRefusal, ReadRefusal, Reply, Request};
use crate::group::{Core, ProposeError, ReadError};
use crate::types::{Entry, LogId, Vote, raft_id};
use crate::wire::EntryForm;

/// Why a request was not served.
type Refused = String;

/// Answers a request of member `from`.
pub(crate) async fn serve(core: &Core, from: NodeId, request: Request) -> Reply {
    answer(core, from, request)
        .await
        .unwrap_or_else(Reply::Unavailable)
}

async fn answer(core: &Core, from: NodeId, request: Request) -> Result<Reply, Refused> {
    match request {
        Request::Append {
            vote,
            previous,
            committed,
            entries,
        } => {
            let request = AppendEntriesRequest {
                vote: vote.into(),
                prev_log_id: previous.map(Into::into),
                entries: entries
                    .into_iter()
                    .map(|form: EntryForm| Entry::from(form))
                    .collect(),
                leader_commit: committed.map(Into::into),
            };
            append(core, request).await
        }
        Request::Vote { vote, last, transfer } => {
            let request = VoteRequest::new(vote.into(), last.map(Into::into));
            self::vote(core, from, request, transfer).await
        }
        Request::Stand { term } => stand(core, from, term).await,
        Request::Propose { command, within_ms } => {
            let within = Duration::from_millis(within_ms);
            Ok(match core.propose_here(command, within).await {
                Ok(proposed) => Reply::Proposed {
                    index: proposed.index,
                    reply: ByteBuf::from(proposed.reply),
                },
                Err(error) => Reply::NotProposed(error.into()),
            })
        }
        Request::ReadIndex { within_ms } => {
            let within = Duration::from_millis(within_ms);
            Ok(match core.read_index_here(within).await {
                Ok(index) => Reply::ReadIndex { index },
                Err(error) => Reply::NoReadIndex(error.into()),
            })
        }
        Request::Offer { vote, index, len } => {
            if let Some(higher) = higher_vote(core, vote.into()).await? {
                return Ok(Reply::HigherVote(higher.into()));
            }
            let len = core.receiver.offer(index, len).await.map_err(text)?;
            Ok(Reply::Received { len })
        }
        Request::Chunk { index, offset, bytes } => {
            let len = core.receiver.chunk(index, offset, bytes).await.map_err(text)?;
            Ok(Reply::Received { len })
        }
        Request::Install { vote, index } => {
            let snapshot = core.receiver.finish(index).await.map_err(text)?;
            let answer = core.raft.install_full_snapshot(vote.into(), snapshot).await;
            Ok(Reply::Installed {
                vote: answer.map_err(text)?.vote.into(),
            })
        }
    }
}

async fn append(core: &Core, request: AppendEntriesRequest<crate::types::Types>) -> Result<Reply, Refused> {
    Ok(match core.raft.append_entries(request).await.map_err(text)? {
        AppendEntriesResponse::Success | AppendEntriesResponse::PartialSuccess(_) => Reply::Appended,
        AppendEntriesResponse::Conflict => Reply::Conflict,
        AppendEntriesResponse::HigherVote(vote) => Reply::HigherVote(vote.into()),
    })
}

/// Votes. A candidate that the leader asked to stand is not held off by the leader's lease: the vote is first taken over, not
/// granted, as any higher vote in an append would be, and with it the lease ends (Ongaro, dissertation, section 3.10).
async fn vote(
    core: &Core,
    from: NodeId,
    request: VoteRequest<u64>,
    transfer: bool,
) -> Result<Reply, Refused> {
    if transfer && request.vote.leader_id.node_id == raft_id(from) {
        let higher = higher_vote(core, request.vote).await?;
        if higher.is_none() && request.last_log_id >= core.log.last() {
            core.raft
                .append_entries(yielding(request.vote))
                .await
                .map_err(text)?;
        }
    }
    let answer = core.raft.vote(request).await.map_err(text)?;
    Ok(Reply::Voted {
        vote: answer.vote.into(),
        last: answer.last_log_id.map(Into::into),
        granted: answer.vote_granted,
    })
}

/// An append that is refused as it follows an entry that nobody has: all that is taken of it is the vote.
fn yielding(vote: Vote) -> AppendEntriesRequest<crate::types::Types> {
    AppendEntriesRequest {
        vote,
        prev_log_id: Some(LogId::new(vote.leader_id, u64::MAX / 2)),
        entries: Vec::new(),
        leader_commit: None,
    }
}

/// Stands for election, if `from` leads in that term as far as this node knows.
async fn stand(core: &Core, from: NodeId, term: u64) -> Result<Reply, Refused> {
    let mine = my_vote(core).await?;
    if mine.leader_id.term != term || mine.leader_id.node_id != raft_id(from) || !mine.committed {
        return Err(format!("node {from} does not lead in term {term}"));
    }
    core.links.standing.store(term + 1, Ordering::Release);
    core.raft.trigger().elect().await.map_err(text)?;
    Ok(Reply::Standing)
}

async fn my_vote(core: &Core) -> Result<Vote, Refused> {
    core.raft
        .with_raft_state(|state| *state.vote_ref())
        .await
        .map_err(text)
}

/// This node's vote, if it is higher than the sender's.
async fn higher_vote(core: &Core, theirs: Vote) -> Result<Option<Vote>, Refused> {
    let mine = my_vote(core).await?;
    Ok((mine > theirs).then_some(mine))
}

fn text(error: impl std::fmt::Display) -> Refused {
    error.to_string()
}

impl From<ProposeError> for ProposeRefusal {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::Overloaded => Self::Overloaded,
            ProposeError::NotLeader { leader } => Self::NotLeader { leader },
            ProposeError::OutcomeUnknown { leader } => Self::OutcomeUnknown { leader },
            ProposeError::TooLarge { len } => Self::TooLarge { len: len as u64 },
            ProposeError::NotYet { schema, version } => Self::NotYet { schema, version },
            ProposeError::NoCommand(why) => Self::NoCommand(why),
            ProposeError::Stopped(why) => Self::Stopped(why),
        }
    }
}

impl From<ProposeRefusal> for ProposeError {
    fn from(refusal: ProposeRefusal) -> Self {
        match refusal {
            ProposeRefusal::Overloaded => Self::Overloaded,
            ProposeRefusal::NotLeader { leader } => Self::NotLeader { leader },
            ProposeRefusal::OutcomeUnknown { leader } => Self::OutcomeUnknown { leader },
            ProposeRefusal::TooLarge { len } => Self::TooLarge {
                len: usize::try_from(len).unwrap_or(usize::MAX),
            },
            ProposeRefusal::NotYet { schema, version } => Self::NotYet { schema, version },
            ProposeRefusal::NoCommand(why) => Self::NoCommand(why),
            // This node may go on where that one stopped.
            ProposeRefusal::Stopped(_) => Self::NotLeader { leader: None },
        }
    }
}

impl From<ReadError> for ReadRefusal {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotLeader { leader } => Self::NotLeader { leader },
            ReadError::TooLate => Self::NoQuorum,
            ReadError::Stopped(why) => Self::Stopped(why),
        }
    }
}
