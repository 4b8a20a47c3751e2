//! Makes an account at home, or replaces the limits of one.

use atp_protocol::ids::AccountId;
use atp_routing::budget::{AccountError, Limits};
use serde::{Deserialize, Serialize};

use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::journal::{Effect, Journal, tag};
use crate::machine::Context;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutLimits {
    /// The account.
    pub account: AccountId,
    /// What it is part of; never changed.
    pub parent: Option<AccountId>,
    /// Its limits.
    pub limits: Limits,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PutLimitsReply {
    /// It is as said.
    Put,
    /// The ledger does not allow it. Where a limit would be below what is in use, holders can be asked to give back first.
    Refused(AccountError),
}

impl Body for PutLimits {
    const TAG: Tag = tag(1);
    type Reply = PutLimitsReply;
}

impl Handler<Journal, Effect> for PutLimits {
    fn apply(self, _: &Context, journal: &mut Journal, effects: &mut Vec<Effect>) -> PutLimitsReply {
        let Self {
            account,
            parent,
            limits,
        } = self;
        let ledger = &mut journal.home.ledger;
        let record = match ledger.propose_account(&account, parent.as_ref(), limits) {
            Ok(record) => record,
            Err(error) => {
                if let AccountError::LimitBelowUse { id, .. } = &error {
                    effects.push(Effect::RecallWanted { account: id.clone() });
                }
                return PutLimitsReply::Refused(error);
            }
        };
        let applied = ledger.apply(&record);
        debug_assert!(applied.had_effect, "it was proposed on this state");
        effects.push(Effect::LimitsChanged { account });
        PutLimitsReply::Put
    }
}
