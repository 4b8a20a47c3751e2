//! Makes a key.

use serde::{Deserialize, Serialize};

use super::{KEYS_MAX, Key, TEXT_MAX};
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakeKey {
    /// Names the key; never the key itself.
    pub id: String,
    /// What is kept of it.
    pub key: Key,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MakeKeyReply {
    /// It is there, since this command or an earlier one.
    Made,
    /// Another key has, or had, that id. Draw another.
    IdUsed,
    /// There is no account for it to spend from. Make that first.
    UnknownAccount,
    /// The account is on its way out. Wait for that or cancel it.
    Deleting,
    /// Id or label is over [`TEXT_MAX`].
    TooLong,
    /// As many keys as there may be ([`KEYS_MAX`]). Revoke some first.
    TooMany,
}

impl Body for MakeKey {
    const TAG: Tag = tag(64);
    type Reply = MakeKeyReply;
}

impl Handler<Meta, Effect> for MakeKey {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> MakeKeyReply {
        let Self { id, key } = self;
        if id.len() > TEXT_MAX || key.label.len() > TEXT_MAX {
            return MakeKeyReply::TooLong;
        }
        match meta.keys.get(&id) {
            Some(known) if *known == key => return MakeKeyReply::Made,
            Some(_) => return MakeKeyReply::IdUsed,
            None if meta.keys.was_revoked(&id) => return MakeKeyReply::IdUsed,
            None => {}
        }
        if meta.accounts.get(&key.account).is_none() {
            return MakeKeyReply::UnknownAccount;
        }
        if meta.accounts.is_deleting(&key.account) {
            return MakeKeyReply::Deleting;
        }
        if meta.keys.keys.len() >= KEYS_MAX {
            return MakeKeyReply::TooMany;
        }
        meta.keys.change(context.index).insert(id, key);
        effects.push(Effect::KeysChanged);
        MakeKeyReply::Made
    }
}
