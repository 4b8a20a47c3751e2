//! A ledger for tests: one account, and a journal that does as it is told.

use std::time::Duration;

use actix::Actor;
use atp_protocol::ids::AccountId;
use atp_protocol::units::Amount;
use atp_routing::budget::{self, HoldId, Limits, Record};

use super::{HeldBudget, Ledger, LedgerHandle, LedgerLog, LogFailed};
use crate::environment::World;

/// How long a hold lives whose holder is gone.
pub(crate) const HOLD_TTL_MS: u64 = 10_000;

/// A journal that answers each append as it is told to, and takes everything else.
pub(crate) struct Appending<F>(pub(crate) F);

impl<F: FnMut() -> Result<(), LogFailed> + Send> LedgerLog for Appending<F> {
    fn append(&mut self, _: &[Record]) -> Result<(), LogFailed> {
        (self.0)()
    }

    fn keep_durable(&mut self) -> Result<(), LogFailed> {
        Ok(())
    }

    fn wants_checkpoint(&self) -> bool {
        false
    }

    fn checkpoint(&mut self, _: &[Record]) -> Result<(), LogFailed> {
        Ok(())
    }
}

/// A running ledger with the account of [`hold`], which has this limit.
pub(crate) async fn ledger(world: World, limit: Amount) -> LedgerHandle {
    let ledger = ledger_over(Box::new(Appending(|| Ok(()))), world);
    put(&ledger, limit).await;
    ledger
}

/// A running ledger without accounts over this journal.
pub(crate) fn ledger_over(log: Box<dyn LedgerLog>, world: World) -> LedgerHandle {
    let times = (HOLD_TTL_MS, Duration::from_secs(1));
    LedgerHandle::new(Ledger::new(budget::Ledger::default(), 0, log, world, times).start())
}

/// Replaces the limit of the account.
pub(crate) async fn put(ledger: &LedgerHandle, limit: Amount) {
    let limits = Limits {
        limit_tokens: Some(limit.tokens),
        limit_usd_micros: Some(limit.usd_micros),
        ..Limits::default()
    };
    ledger.put(account(), None, limits).await.unwrap();
}

/// Holds this much.
pub(crate) async fn hold(ledger: &LedgerHandle, id: &str, amount: Amount) -> HeldBudget {
    let id = HoldId::new(id).unwrap();
    ledger.hold(id, account(), amount).await.unwrap()
}

/// The account of all holds.
pub(crate) fn account() -> AccountId {
    AccountId::new("t").unwrap()
}
