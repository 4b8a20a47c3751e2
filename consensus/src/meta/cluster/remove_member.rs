//! Takes a member out for good.

use atp_protocol::cluster::NodeId;
use serde::{Deserialize, Serialize};

use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};

/// Also forgets the adapters attached to it and the groups it should lead. What it held of accounts is reclaimed by the journal
/// groups, each for itself (docs/adr/0012).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveMember {
    /// Its number.
    pub node: NodeId,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RemoveMemberReply {
    /// It is no member, since this command or an earlier one.
    Removed,
    /// It never was one.
    Unknown,
    /// It is the only one, without which there is no cluster.
    Last,
}

impl Body for RemoveMember {
    const TAG: Tag = tag(3);
    type Reply = RemoveMemberReply;
}

impl Handler<Meta, Effect> for RemoveMember {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> RemoveMemberReply {
        if meta.cluster.was_removed(self.node) {
            return RemoveMemberReply::Removed;
        }
        if meta.cluster.member(self.node).is_none() {
            return RemoveMemberReply::Unknown;
        }
        if meta.cluster.members.len() == 1 {
            return RemoveMemberReply::Last;
        }
        let is_placed = meta.cluster.placement.values().any(|&node| node == self.node);
        let cluster = meta.cluster.change(context.index);
        cluster.members.remove(&self.node);
        cluster.removed.insert(self.node);
        cluster.placement.retain(|_, node| *node != self.node);
        effects.push(Effect::MembersChanged);
        if is_placed {
            effects.push(Effect::PlacementChanged);
        }
        if meta.adapters.has_any_at(self.node) {
            meta.adapters.change(context.index).detach(self.node);
            effects.push(Effect::AdaptersChanged);
        }
        RemoveMemberReply::Removed
    }
}
