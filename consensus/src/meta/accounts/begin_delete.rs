//! Begins to delete an account.

use atp_protocol::ids::AccountId;
use serde::{Deserialize, Serialize};

use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};

/// From here on the account takes no keys and no accounts below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeginDelete {
    /// The account.
    pub id: AccountId,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BeginDeleteReply {
    /// It is on its way out. Close it at home, then end or cancel.
    Begun,
    /// No such account.
    Unknown,
    /// Something depends on it. Revoke the keys and delete the accounts below it first.
    InUse {
        /// Keys that spend from it.
        keys: u32,
        /// Accounts directly below it.
        children: u32,
    },
}

impl Body for BeginDelete {
    const TAG: Tag = tag(49);
    type Reply = BeginDeleteReply;
}

impl Handler<Meta, Effect> for BeginDelete {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> BeginDeleteReply {
        let Self { id } = self;
        let Some(account) = meta.accounts.get(&id) else {
            return BeginDeleteReply::Unknown;
        };
        let (keys, children) = (meta.keys.spending_from(&id), account.children());
        if keys > 0 || children > 0 {
            return BeginDeleteReply::InUse { keys, children };
        }
        if !meta.accounts.is_deleting(&id) {
            meta.accounts.change(context.index).deleting.insert(id);
            effects.push(Effect::AccountsChanged);
        }
        BeginDeleteReply::Begun
    }
}
