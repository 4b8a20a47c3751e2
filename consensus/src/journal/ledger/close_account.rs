//! Closes an account at home.

use atp_protocol::ids::AccountId;
use atp_routing::budget::AccountError;
use serde::{Deserialize, Serialize};

use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::journal::{Effect, Journal, tag};
use crate::machine::Context;

/// What it spent stays counted above it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseAccount {
    /// The account.
    pub account: AccountId,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CloseAccountReply {
    /// It is not there, since this command or an earlier one.
    Closed,
    /// Leases or accounts below it are in the way. Have holders give back, close those below.
    InUse(AccountError),
}

impl Body for CloseAccount {
    const TAG: Tag = tag(2);
    type Reply = CloseAccountReply;
}

impl Handler<Journal, Effect> for CloseAccount {
    fn apply(self, _: &Context, journal: &mut Journal, effects: &mut Vec<Effect>) -> CloseAccountReply {
        let Self { account } = self;
        // A lease of nothing reserves nothing, and still is one.
        let is_leased = journal.home.holders(&account).next().is_some();
        if let (true, Some(leased)) = (is_leased, journal.home.ledger.account(&account)) {
            let error = AccountError::InUse {
                id: account.clone(),
                in_flight: leased.balance().in_flight,
                children: leased.children(),
            };
            effects.push(Effect::RecallWanted { account });
            return CloseAccountReply::InUse(error);
        }
        match journal.home.ledger.propose_close(&account) {
            Ok(record) => {
                let applied = journal.home.ledger.apply(&record);
                debug_assert!(applied.had_effect, "it was proposed on this state");
                effects.push(Effect::LimitsChanged { account });
                CloseAccountReply::Closed
            }
            Err(AccountError::Unknown { .. }) => CloseAccountReply::Closed,
            Err(error) => CloseAccountReply::InUse(error),
        }
    }
}
