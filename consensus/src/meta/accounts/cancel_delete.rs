//! Keeps an account whose deletion was begun, as when it cannot be closed at home.

use atp_protocol::ids::AccountId;
use serde::{Deserialize, Serialize};

use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelDelete {
    /// The account.
    pub id: AccountId,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CancelDeleteReply {
    /// It stays.
    Kept,
    /// No such account, or it is gone.
    Unknown,
}

impl Body for CancelDelete {
    const TAG: Tag = tag(51);
    type Reply = CancelDeleteReply;
}

impl Handler<Meta, Effect> for CancelDelete {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> CancelDeleteReply {
        if meta.accounts.get(&self.id).is_none() {
            return CancelDeleteReply::Unknown;
        }
        if meta.accounts.is_deleting(&self.id) {
            meta.accounts.change(context.index).deleting.remove(&self.id);
            effects.push(Effect::AccountsChanged);
        }
        CancelDeleteReply::Kept
    }
}
