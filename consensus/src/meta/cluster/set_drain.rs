//! Has a member give its work away, or take work again.

use atp_protocol::cluster::NodeId;
use serde::{Deserialize, Serialize};

use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetDrain {
    /// The member.
    pub node: NodeId,
    /// Whether it gives its work away.
    pub is_draining: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SetDrainReply {
    /// It is as asked for.
    Set,
    /// No such member.
    Unknown,
}

impl Body for SetDrain {
    const TAG: Tag = tag(4);
    type Reply = SetDrainReply;
}

impl Handler<Meta, Effect> for SetDrain {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> SetDrainReply {
        match meta.cluster.member(self.node) {
            None => SetDrainReply::Unknown,
            Some(member) if member.is_draining == self.is_draining => SetDrainReply::Set,
            Some(_) => {
                let member = meta.cluster.change(context.index).members.get_mut(&self.node);
                member.expect("it was found").is_draining = self.is_draining;
                effects.push(Effect::MembersChanged);
                SetDrainReply::Set
            }
        }
    }
}
