//! What openraft is instantiated with: once, for all groups (docs/adr/0009).
//!
//! The serde derives are what openraft demands of its type parameters. What is stored and sent is written by `wire`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use atp_protocol::cluster::NodeId;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::runtime::Runtime;
use crate::state::SnapshotHandle;

openraft::declare_raft_types!(
    /// The parameters of every group.
    pub(crate) Types:
        D = Batch,
        R = Replies,
        NodeId = u64,
        Node = Member,
        Entry = openraft::Entry<Types>,
        SnapshotData = SnapshotHandle,
        AsyncRuntime = Runtime,
);

pub(crate) type Raft = openraft::Raft<Types>;
pub(crate) type Entry = openraft::Entry<Types>;
pub(crate) type LogId = openraft::LogId<u64>;
pub(crate) type Vote = openraft::Vote<u64>;
pub(crate) type Membership = openraft::Membership<u64, Member>;
pub(crate) type StoredMembership = openraft::StoredMembership<u64, Member>;
pub(crate) type SnapshotMeta = openraft::SnapshotMeta<u64, Member>;
pub(crate) type Snapshot = openraft::Snapshot<Types>;
pub(crate) type StorageError = openraft::StorageError<u64>;
pub(crate) type StorageIOError = openraft::StorageIOError<u64>;
pub(crate) type Metrics = openraft::RaftMetrics<u64, Member>;

/// Commands that become one entry.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Batch {
    /// When they were proposed, by the clock of whoever did, in microseconds of Unix time.
    pub(crate) proposed_at_us: u64,
    /// Encoded, in the order in which they are applied. Shared, as an entry is kept, written and sent from one copy.
    pub(crate) commands: Arc<[ByteBuf]>,
    /// Where the proposer sees that the entry entered the log of this node.
    #[serde(skip)]
    pub(crate) ticket: Ticket,
}

/// Says whether a batch entered a log. A batch that is refused and never did was certainly not proposed; openraft gives the same
/// error for one that was appended and later truncated, which may yet be committed by somebody else.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ticket(Arc<AtomicBool>);

impl Ticket {
    pub(crate) fn stamp(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_stamped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A reply for each command of the batch, in their order; none for entries that hold no commands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replies(pub(crate) Vec<ByteBuf>);

/// What a membership says of a member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// Where its link listens.
    pub(crate) address: String,
}

/// A member as openraft names it.
pub(crate) fn raft_id(node: NodeId) -> u64 {
    u64::from(node.get())
}

/// A member as everybody else names it; `None` for what is not one.
pub(crate) fn node_id(id: u64) -> Option<NodeId> {
    u16::try_from(id).ok().and_then(NodeId::new)
}
