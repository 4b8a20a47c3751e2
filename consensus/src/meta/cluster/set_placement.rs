//! Says who should lead a group.

use atp_protocol::cluster::{GroupId, NodeId};
use serde::{Deserialize, Serialize};

use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};

/// A wish: Raft elects whom it can, and leadership is handed over when the wished-for member has caught up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetPlacement {
    /// The group.
    pub group: GroupId,
    /// Who should lead it; `None` for whoever does.
    pub leader: Option<NodeId>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SetPlacementReply {
    /// It is as asked for.
    Set,
    /// No such group.
    UnknownGroup,
    /// No such member.
    UnknownMember,
    /// The member gives its work away.
    Draining,
}

impl Body for SetPlacement {
    const TAG: Tag = tag(5);
    type Reply = SetPlacementReply;
}

impl Handler<Meta, Effect> for SetPlacement {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> SetPlacementReply {
        let Self { group, leader } = self;
        if !meta.cluster.has_group(group) {
            return SetPlacementReply::UnknownGroup;
        }
        match leader.map(|leader| meta.cluster.member(leader)) {
            Some(None) => return SetPlacementReply::UnknownMember,
            Some(Some(member)) if member.is_draining => return SetPlacementReply::Draining,
            Some(Some(_)) | None => {}
        }
        if meta.cluster.preferred_leader(group) == leader {
            return SetPlacementReply::Set;
        }
        let placement = &mut meta.cluster.change(context.index).placement;
        match leader {
            Some(leader) => placement.insert(group, leader),
            None => placement.remove(&group),
        };
        effects.push(Effect::PlacementChanged);
        SetPlacementReply::Set
    }
}
