//! Makes an account, or replaces the limits of one.

use atp_protocol::ids::AccountId;
use atp_routing::budget::{AccountError, Limits};
use serde::{Deserialize, Serialize};

use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};

/// Proposed once the ledger at home agreed to the limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutAccount {
    /// The account.
    pub id: AccountId,
    /// What it is part of; never changed.
    pub parent: Option<AccountId>,
    /// Its limits.
    pub limits: Limits,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PutAccountReply {
    /// It is as said.
    Put,
    /// It, or the account it would be part of, is on its way out. Wait for that or cancel it.
    Deleting,
    /// The tree does not allow it.
    Refused(AccountError),
}

impl Body for PutAccount {
    const TAG: Tag = tag(48);
    type Reply = PutAccountReply;
}

impl Handler<Meta, Effect> for PutAccount {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> PutAccountReply {
        let Self { id, parent, limits } = self;
        let accounts = &meta.accounts;
        if accounts.is_deleting(&id) || parent.as_ref().is_some_and(|parent| accounts.is_deleting(parent)) {
            return PutAccountReply::Deleting;
        }
        let record = match accounts.tree.propose_account(&id, parent.as_ref(), limits) {
            Ok(record) => record,
            Err(error) => return PutAccountReply::Refused(error),
        };
        if accounts
            .get(&id)
            .is_some_and(|account| account.limits() == limits)
        {
            return PutAccountReply::Put;
        }
        let applied = meta.accounts.change(context.index).tree.apply(&record);
        debug_assert!(applied.had_effect, "it was proposed on this state");
        effects.push(Effect::AccountsChanged);
        PutAccountReply::Put
    }
}
