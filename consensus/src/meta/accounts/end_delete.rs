//! Forgets an account that was closed at home.

use atp_protocol::ids::AccountId;
use atp_routing::budget::Record;
use serde::{Deserialize, Serialize};

use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndDelete {
    /// The account.
    pub id: AccountId,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndDeleteReply {
    /// It is not there, since this command or an earlier one.
    Ended,
    /// Its deletion was not begun, or was cancelled. Begin first.
    NotBegun,
}

impl Body for EndDelete {
    const TAG: Tag = tag(50);
    type Reply = EndDeleteReply;
}

impl Handler<Meta, Effect> for EndDelete {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> EndDeleteReply {
        let Self { id } = self;
        if meta.accounts.get(&id).is_none() {
            return EndDeleteReply::Ended;
        }
        if !meta.accounts.is_deleting(&id) {
            return EndDeleteReply::NotBegun;
        }
        let accounts = meta.accounts.change(context.index);
        accounts.deleting.remove(&id);
        let applied = accounts.tree.apply(&Record::Closed { id });
        debug_assert!(applied.had_effect, "it is there and nothing is below it");
        effects.push(Effect::AccountsChanged);
        EndDeleteReply::Ended
    }
}
