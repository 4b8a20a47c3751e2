//! How ids, votes, entries and memberships are stored and sent: a version byte, then bincode of the types here. They are apart
//! from the types that openraft works with, so that neither its releases nor ours change what lies on disks.

mod entry;
mod membership;

use atp_protocol::encoding;
pub(crate) use entry::EntryForm;
pub(crate) use membership::{MembershipForm, StoredMembershipForm};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::types::{LogId, Vote};

/// The form written by this release. It reads all up to this.
const VERSION: u8 = 1;

/// Why bytes cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormError {
    /// A later release wrote them.
    #[error("form {found}, this release reads form {VERSION}; start a release that knows it")]
    Version {
        /// The version found.
        found: u8,
    },
    /// Not the encoding of what they should be.
    #[error("malformed")]
    Malformed(#[from] encoding::DecodeError),
    /// Nothing there.
    #[error("empty")]
    Empty,
}

/// Writes a form. What is written is bounded where it is made: commands by the proposer, members by their number.
pub(crate) fn encode<T: Serialize>(form: &T) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    encoding::encode_into(form, &mut bytes).expect("forms are bounded below the limit of the encoding");
    bytes
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FormError> {
    match bytes.split_first() {
        None => Err(FormError::Empty),
        Some((&VERSION, body)) => Ok(encoding::decode(body)?),
        Some((&found, _)) => Err(FormError::Version { found }),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogIdForm {
    term: u64,
    leader: u64,
    index: u64,
}

impl From<LogId> for LogIdForm {
    fn from(id: LogId) -> Self {
        Self {
            term: id.leader_id.term,
            leader: id.leader_id.node_id,
            index: id.index,
        }
    }
}

impl From<LogIdForm> for LogId {
    fn from(form: LogIdForm) -> Self {
        Self::new(
            openraft::CommittedLeaderId::new(form.term, form.leader),
            form.index,
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VoteForm {
    term: u64,
    node: u64,
    committed: bool,
}

impl From<Vote> for VoteForm {
    fn from(vote: Vote) -> Self {
        Self {
            term: vote.leader_id.term,
            node: vote.leader_id.node_id,
            committed: vote.committed,
        }
    }
}

impl From<VoteForm> for Vote {
    fn from(form: VoteForm) -> Self {
        let mut vote = Self::new(form.term, form.node);
        vote.committed = form.committed;
        vote
    }
}

#[cfg(test)]
mod tests;
