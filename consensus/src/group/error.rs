//! What can go wrong with a group, by what to do about it.

use atp_protocol::cluster::NodeId;

/// Why a command has no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Too much waits. Nothing was proposed: propose again later, or shed.
    #[error("the group has too many proposals waiting; try again later")]
    Overloaded,
    /// Nothing was proposed, as nobody led whom this node could reach. Propose again.
    #[error("the group has no leader that can be reached; try again later")]
    NotLeader {
        /// Who leads, as far as is known.
        leader: Option<NodeId>,
    },
    /// The command may have been applied, or may yet be. Look, or propose it again if it is idempotent.
    #[error("it is not known whether the command was applied; look, or repeat it if it is idempotent")]
    OutcomeUnknown {
        /// Who leads, as far as is known.
        leader: Option<NodeId>,
    },
    /// Over [`MAX_COMMAND`](super::MAX_COMMAND). Never propose it again.
    #[error("a command of {len} bytes, at most {} are possible", super::MAX_COMMAND)]
    TooLarge {
        /// Its length in bytes.
        len: usize,
    },
    /// Not every member reads it. Nothing was proposed: upgrade all members first.
    #[error(
        "a command of schema {schema}, and the cluster is at version {version}: not every member reads it yet; upgrade all members first"
    )]
    NotYet {
        /// Its schema.
        schema: u16,
        /// The cluster's version, as the leader knows it.
        version: u16,
    },
    /// Not a command at all. Never propose it again.
    #[error("no command: {0}")]
    NoCommand(String),
    /// The group stopped on this node: give up here, and see why.
    #[error("the group stopped on this node: {0}")]
    Stopped(String),
}

/// Why a read cannot be told to be linearizable, or did not get as far as it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Nobody leads whom this node could reach. Ask again.
    #[error("the group has no leader that can be reached; try again later")]
    NotLeader {
        /// Who leads, as far as is known.
        leader: Option<NodeId>,
    },
    /// The deadline came first: no quorum answered, or this node is behind. Ask again, or elsewhere.
    #[error("the group did not get there in time; try again later")]
    TooLate,
    /// The group stopped on this node: give up here, and see why.
    #[error("the group stopped on this node: {0}")]
    Stopped(String),
}

/// Why the members of a group, or its leader, are as they were, or may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Only the leader can; ask it.
    #[error("this node does not lead the group")]
    NotLeader {
        /// Who leads, as far as is known.
        leader: Option<NodeId>,
    },
    /// Another change is under way. Look again when it is done.
    #[error("the members of the group are being changed already; try again later")]
    InProgress,
    /// It cannot be done as asked.
    #[error("{0}")]
    Impossible(String),
    /// It may be done or not. Look at the members.
    #[error("it is not known whether it was done: {0}")]
    OutcomeUnknown(String),
    /// The group stopped on this node: give up here, and see why.
    #[error("the group stopped on this node: {0}")]
    Stopped(String),
}

/// Why a group cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What it left behind cannot be read.
    #[error("group {group} cannot be opened: {why}")]
    Unreadable {
        /// Which.
        group: atp_protocol::cluster::GroupId,
        /// Why.
        why: String,
    },
    /// Its options are wrong.
    #[error(transparent)]
    Options(#[from] crate::config::OptionsError),
    /// It is open already.
    #[error("group {0} is open already")]
    Open(atp_protocol::cluster::GroupId),
}
