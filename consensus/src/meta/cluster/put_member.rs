//! Takes a member in, or says anew where it is and what it reads.

use atp_protocol::cluster::NodeId;
use serde::{Deserialize, Serialize};

use super::{MEMBERS_MAX, Member, NAME_MAX};
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};

/// Proposed for a node that joins, and by each node for itself when it starts with other addresses or another release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutMember {
    /// Its number.
    pub node: NodeId,
    /// The operator's name for it.
    pub name: String,
    /// `host:port` that members dial.
    pub link: String,
    /// URL at which clients reach it.
    pub api: String,
    /// The highest schema of commands that it reads.
    pub reads: u16,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PutMemberReply {
    /// It is a member, as said.
    Put,
    /// Its number was another member's, which was removed. Use a fresh number.
    NumberUsed,
    /// The cluster's version is above what it reads. Start a release that reads it.
    TooOld {
        /// The cluster's version.
        version: u16,
    },
    /// As many members as a cluster may have ([`MEMBERS_MAX`]). Remove one first.
    TooMany,
    /// A text is over [`NAME_MAX`].
    TooLong,
}

impl Body for PutMember {
    const TAG: Tag = tag(2);
    type Reply = PutMemberReply;
}

impl Handler<Meta, Effect> for PutMember {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> PutMemberReply {
        if [&self.name, &self.link, &self.api]
            .iter()
            .any(|text| text.len() > NAME_MAX)
        {
            return PutMemberReply::TooLong;
        }
        if meta.cluster.was_removed(self.node) {
            return PutMemberReply::NumberUsed;
        }
        if self.reads < meta.cluster.version() {
            return PutMemberReply::TooOld {
                version: meta.cluster.version(),
            };
        }
        let known = meta.cluster.member(self.node);
        if known.is_none() && meta.cluster.members.len() >= MEMBERS_MAX {
            return PutMemberReply::TooMany;
        }
        let member = Member {
            name: self.name,
            link: self.link,
            api: self.api,
            reads: self.reads,
            // What an operator asked for outlives a restart.
            is_draining: known.is_some_and(|known| known.is_draining),
        };
        if known != Some(&member) {
            meta.cluster
                .change(context.index)
                .members
                .insert(self.node, member);
            effects.push(Effect::MembersChanged);
        }
        PutMemberReply::Put
    }
}
