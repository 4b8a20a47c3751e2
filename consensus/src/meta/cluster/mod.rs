//! The cluster itself: its identity, its members, the version of what they read, and where groups are led (docs/adr/0009, 0011).
//!
//! At the bounds: a cluster has at most [`MEMBERS_MAX`] members, and as many numbers for them as there are; a number that was
//! given back is never used again.

mod init_cluster;
mod put_member;
mod raise_version;
mod remove_member;
mod set_drain;
mod set_placement;

pub use init_cluster::{InitCluster, InitClusterReply};
pub use put_member::{PutMember, PutMemberReply};
pub use raise_version::{RaiseVersion, RaiseVersionReply};
pub use remove_member::{RemoveMember, RemoveMemberReply};
pub use set_drain::{SetDrain, SetDrainReply};
pub use set_placement::{SetPlacement, SetPlacementReply};

use std::collections::{BTreeMap, BTreeSet};

use atp_protocol::cluster::{GroupId, NodeId};
use serde::{Deserialize, Serialize};

use crate::version::Agreed;

/// Members of a cluster; one more is refused.
pub const MEMBERS_MAX: usize = 64;

/// Journal groups of a cluster.
pub const JOURNALS_MAX: u16 = 1_024;

/// Longest cluster id, member's name and address, in bytes.
pub const NAME_MAX: usize = 256;

/// The id of a node by itself.
pub const ALONE: &str = "alone";

/// What a cluster is, once and for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its id, as the certificates of its members name it.
    pub id: String,
    /// Its journal groups, 1 to [`JOURNALS_MAX`].
    pub journals: u16,
}

impl Identity {
    /// A node by itself made it.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.id == ALONE
    }
}

/// A member as it is known to all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The operator's name for it.
    pub name: String,
    /// `host:port` that members dial.
    pub link: String,
    /// URL at which clients reach it.
    pub api: String,
    /// The highest schema of commands that it reads.
    pub reads: u16,
    /// Whether it gives its work away and takes none.
    pub is_draining: bool,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cluster {
    pub(super) identity: Option<Identity>,
    pub(super) agreed: Agreed,
    pub(super) members: BTreeMap<NodeId, Member>,
    pub(super) removed: BTreeSet<NodeId>,
    pub(super) placement: BTreeMap<GroupId, NodeId>,
}

impl Cluster {
    /// What the cluster is; `None` until it is made.
    #[must_use]
    pub const fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The highest schema of commands that may be proposed.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.agreed.version
    }

    /// The same, with the release that brought it in.
    #[must_use]
    pub const fn agreed(&self) -> &Agreed {
        &self.agreed
    }

    /// The version that can be agreed on next: the highest that every member reads. `None` where that is the one there is.
    #[must_use]
    pub fn next_version(&self) -> Option<u16> {
        let read = self.members.values().map(|member| member.reads).min()?;
        (read > self.agreed.version).then_some(read)
    }

    /// One member.
    #[must_use]
    pub fn member(&self, node: NodeId) -> Option<&Member> {
        self.members.get(&node)
    }

    /// All members, by number.
    pub fn members(&self) -> impl Iterator<Item = (NodeId, &Member)> {
        self.members.iter().map(|(&node, member)| (node, member))
    }

    /// Whether a number was a member's that is gone for good.
    #[must_use]
    pub fn was_removed(&self, node: NodeId) -> bool {
        self.removed.contains(&node)
    }

    /// All numbers that are gone for good.
    pub fn removed(&self) -> impl Iterator<Item = NodeId> {
        self.removed.iter().copied()
    }

    /// Who should lead a group; `None` where nobody said so.
    #[must_use]
    pub fn preferred_leader(&self, group: GroupId) -> Option<NodeId> {
        self.placement.get(&group).copied()
    }

    /// Whether a group is one of the cluster's.
    fn has_group(&self, group: GroupId) -> bool {
        let journals = self.identity.as_ref().map_or(0, |identity| identity.journals);
        group.0 <= journals
    }
}
