//! Lets commands of a later schema be proposed (governance.md 1.2).

use atp_protocol::cluster::NodeId;
use serde::{Deserialize, Serialize};

use super::NAME_MAX;
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};
use crate::version::Agreed;

/// Proposed when all members read a later schema than the cluster's version. Never lowered: a log may hold such commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaiseVersion {
    /// The version to be.
    pub to: u16,
    /// The release that knows it, for members that do not any more.
    pub release: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RaiseVersionReply {
    /// The cluster's version is at least that.
    Raised {
        /// What it is.
        version: u16,
    },
    /// The release is over [`NAME_MAX`](super::NAME_MAX).
    TooLong,
    /// These members do not read it, voters or not: any of them may become one. Upgrade or remove them first.
    Behind(Vec<NodeId>),
}

impl Body for RaiseVersion {
    const TAG: Tag = tag(6);
    type Reply = RaiseVersionReply;
}

impl Handler<Meta, Effect> for RaiseVersion {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> RaiseVersionReply {
        let version = meta.cluster.version();
        if self.release.len() > NAME_MAX {
            return RaiseVersionReply::TooLong;
        }
        if self.to <= version {
            return RaiseVersionReply::Raised { version };
        }
        let behind = meta
            .cluster
            .members()
            .filter(|(_, member)| member.reads < self.to);
        let behind: Vec<NodeId> = behind.map(|(node, _)| node).collect();
        if !behind.is_empty() {
            return RaiseVersionReply::Behind(behind);
        }
        meta.cluster.change(context.index).agreed = Agreed {
            version: self.to,
            release: self.release,
        };
        effects.push(Effect::MembersChanged);
        RaiseVersionReply::Raised { version: self.to }
    }
}
