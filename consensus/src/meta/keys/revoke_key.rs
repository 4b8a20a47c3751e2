//! Takes a key out for good.

use serde::{Deserialize, Serialize};

use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeKey {
    /// Names the key.
    pub id: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RevokeKeyReply {
    /// It is gone, since this command or an earlier one.
    Revoked,
    /// No such key.
    Unknown,
}

impl Body for RevokeKey {
    const TAG: Tag = tag(65);
    type Reply = RevokeKeyReply;
}

impl Handler<Meta, Effect> for RevokeKey {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> RevokeKeyReply {
        let Self { id } = self;
        if meta.keys.was_revoked(&id) {
            return RevokeKeyReply::Revoked;
        }
        if meta.keys.get(&id).is_none() {
            return RevokeKeyReply::Unknown;
        }
        meta.keys.change(context.index).revoke(id.clone());
        effects.extend([Effect::KeyRevoked { id }, Effect::KeysChanged]);
        RevokeKeyReply::Revoked
    }
}
