//! What only one member can do, done there: over the link, in messages of this file.

use std::time::Duration;

use atp_consensus::group::{ChangeError, Group, ReadError};
use atp_consensus::machine::Machine;
use atp_consensus::placement::balance;
use atp_protocol::cluster::{GroupId, NodeId};
use atp_protocol::encoding;
use atp_protocol::error::{Code, Fault};
use atp_protocol::link::{self, Lane, Refusal};
use bytes::Bytes;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::{Cluster, PATIENCE, fault};
use crate::link::{Known, LinkError};

/// How long an answer may take beyond the work itself.
const WAY: Duration = Duration::from_secs(1);

/// What one member asks of another. New ones go to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ask {
    /// To hand over a group that it leads.
    Transfer { group: GroupId, to: NodeId },
    /// To take a snapshot of a group.
    Snapshot { group: GroupId },
}

/// What came of it. New ones go to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Answer {
    Done,
    /// It reaches up to this index.
    Snapshot(u64),
    Not(Not),
}

/// Why something was not done, by what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Not {
    /// Ask again.
    Yet(String),
    /// Ask for something else.
    Ever(String),
    /// Look whether it was done.
    Known(String),
}

/// Leadership that was to be handed over.
#[derive(Debug, Clone)]
pub(crate) struct Moved {
    pub(crate) group: GroupId,
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    /// `None` when it was.
    pub(crate) fault: Option<Fault>,
}

impl Cluster {
    /// Answers another member.
    pub(super) async fn answer(&self, body: &[u8]) -> Result<Bytes, Refusal> {
        let ask = encoding::decode(body).map_err(|error| {
            let why = format!("this release does not know what is asked: {error}");
            Refusal::new(link::Code::NO_SERVICE, why)
        })?;
        Ok(Bytes::from(encoded(&self.carry_out(&ask).await)))
    }

    async fn carry_out(&self, ask: &Ask) -> Answer {
        match ask {
            Ask::Transfer { group, to } => match self.transfer(*group, *to).await {
                Ok(()) => Answer::Done,
                Err(error) => Answer::Not(not(&error)),
            },
            Ask::Snapshot { group } => {
                let taken = match self.journal(*group) {
                    Some(journal) => snapshot(journal).await,
                    None => snapshot(&self.meta).await,
                };
                match taken {
                    Ok(index) => Answer::Snapshot(index),
                    Err(error) => Answer::Not(Not::Yet(error.to_string())),
                }
            }
        }
    }

    /// Has a member, maybe this one, do something.
    pub(super) async fn order(&self, node: NodeId, ask: &Ask, within: Duration) -> Result<Answer, LinkError> {
        if node == self.node() {
            return Ok(self.carry_out(ask).await);
        }
        let link = self.link.as_ref().ok_or(LinkError::Unreachable)?;
        let answer = link
            .call(node, Lane::Control, Known::Orders.number(), encoded(ask), within)
            .await?;
        // What cannot be read may mean anything.
        encoding::decode(&answer).map_err(|_| LinkError::Lost)
    }

    /// Has the leader of a group hand it to `to`.
    ///
    /// # Errors
    /// `ENOTFOUND` for a group there is not; `EBAD_INPUT` for who cannot lead it; those of groups.
    pub(crate) async fn hand_over(&self, group: GroupId, to: NodeId) -> Result<(), Fault> {
        let leader = self.leader(group)?;
        if leader == to {
            return Ok(());
        }
        self.hand_over_from(leader, group, to).await
    }

    async fn hand_over_from(&self, from: NodeId, group: GroupId, to: NodeId) -> Result<(), Fault> {
        let answer = self
            .order(from, &Ask::Transfer { group, to }, PATIENCE + WAY)
            .await;
        match answer.unwrap_or_else(failed) {
            Answer::Done => Ok(()),
            answer => Err(refused(answer)),
        }
    }

    /// Has the leader of a group take a snapshot. Returns who that is, and up to which index the snapshot reaches.
    ///
    /// # Errors
    /// `ENOTFOUND` for a group there is not; those of groups.
    pub(crate) async fn snapshot(&self, group: GroupId) -> Result<(NodeId, u64), Fault> {
        let leader = self.leader(group)?;
        let answer = self.order(leader, &Ask::Snapshot { group }, PATIENCE + WAY).await;
        match answer.unwrap_or_else(failed) {
            Answer::Snapshot(index) => Ok((leader, index)),
            answer => Err(refused(answer)),
        }
    }

    /// Spreads leaders over the members that can lead. Returns what was to be handed over.
    pub(crate) async fn balance(&self) -> Vec<Moved> {
        let able = self.able();
        let moves = balance(&self.led(), &able).into_iter().map(|moving| async move {
            let done = self.hand_over_from(moving.from, moving.group, moving.to).await;
            Moved {
                group: moving.group,
                from: moving.from,
                to: moving.to,
                fault: done.err(),
            }
        });
        join_all(moves).await
    }

    fn leader(&self, group: GroupId) -> Result<NodeId, Fault> {
        let statuses = self.groups.statuses();
        let Some(status) = statuses.iter().find(|status| status.group == group) else {
            return Err(Fault::no_such(format!("there is no group {group}")));
        };
        let nobody = || fault::later(format!("nobody leads {group}"));
        status.leader.ok_or_else(nobody)
    }
}

async fn snapshot<M: Machine>(group: &Group<M>) -> Result<u64, ReadError> {
    group.snapshot(PATIENCE).await
}

fn encoded(message: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoding::encode_into(message, &mut bytes).expect("far below the bound of an encoding");
    bytes
}

fn not(error: &ChangeError) -> Not {
    let why = error.to_string();
    match error {
        ChangeError::NotLeader { .. } | ChangeError::InProgress | ChangeError::Stopped(_) => Not::Yet(why),
        ChangeError::Impossible(_) => Not::Ever(why),
        ChangeError::OutcomeUnknown(_) => Not::Known(why),
    }
}

fn failed(error: LinkError) -> Answer {
    let why = error.to_string();
    Answer::Not(match error {
        LinkError::Unreachable | LinkError::Overloaded | LinkError::Refused { .. } => Not::Yet(why),
        LinkError::DeadlineExceeded | LinkError::Cancelled | LinkError::Lost => Not::Known(why),
    })
}

fn refused(answer: Answer) -> Fault {
    match answer {
        Answer::Not(Not::Yet(why)) => fault::later(why),
        Answer::Not(Not::Ever(why)) => Fault::new(Code::BadInput, why),
        Answer::Not(Not::Known(why)) => fault::unknown(why),
        other => fault::unknown(format!("the member answered something else: {other:?}")),
    }
}
