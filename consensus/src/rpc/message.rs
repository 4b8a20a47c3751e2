//! The messages.

use atp_protocol::cluster::{GroupId, NodeId};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::wire::{EntryForm, LogIdForm, VoteForm};

/// A request to the part of a group that a member keeps.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) group: GroupId,
    pub(crate) request: Request,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Entries after `previous`, or none: a heartbeat.
    Append {
        vote: VoteForm,
        previous: Option<LogIdForm>,
        committed: Option<LogIdForm>,
        entries: Vec<EntryForm>,
    },
    /// Asks for a vote. `transfer`: the leader asked the candidate to stand, so its lease is no reason to refuse.
    Vote {
        vote: VoteForm,
        last: Option<LogIdForm>,
        transfer: bool,
    },
    /// The leader of a term asks the receiver to stand for election.
    Stand { term: u64 },
    /// A command for the leader. The receiver hands it on to nobody.
    Propose {
        #[serde(with = "serde_bytes")]
        command: Vec<u8>,
        within_ms: u64,
    },
    /// From which index on a read is linearizable.
    ReadIndex { within_ms: u64 },
    /// A snapshot of the state at an index is to come, `len` bytes long: how many of them are there already?
    Offer { vote: VoteForm, index: u64, len: u64 },
    /// Bytes of the snapshot that was offered last.
    Chunk {
        index: u64,
        offset: u64,
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// All bytes are there: check and install it.
    Install { vote: VoteForm, index: u64 },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Appended,
    /// The entries do not follow what the receiver has.
    Conflict,
    /// Somebody else leads, or stands.
    HigherVote(VoteForm),
    Voted {
        vote: VoteForm,
        last: Option<LogIdForm>,
        granted: bool,
    },
    Standing,
    Proposed {
        index: u64,
        reply: ByteBuf,
    },
    NotProposed(ProposeRefusal),
    ReadIndex {
        index: u64,
    },
    NoReadIndex(ReadRefusal),
    /// So many bytes of the snapshot are there.
    Received {
        len: u64,
    },
    Installed {
        vote: VoteForm,
    },
    /// The receiver does not take part in the group, or ceased to.
    Unavailable(String),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ProposeRefusal {
    Overloaded,
    NotLeader { leader: Option<NodeId> },
    OutcomeUnknown { leader: Option<NodeId> },
    TooLarge { len: u64 },
    NotYet { schema: u16, version: u16 },
    NoCommand(String),
    Stopped(String),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ReadRefusal {
    NotLeader { leader: Option<NodeId> },
    NoQuorum,
    Stopped(String),
}
