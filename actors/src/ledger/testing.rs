//! A ledger for tests: one account, and journals that do as they are told.

use std::sync::Arc;
use std::time::Duration;

use actix::Actor;
use atp_protocol::ids::AccountId;
use atp_protocol::units::Amount;
use atp_routing::budget::{self, HoldId, Limits, spender};

use super::local::{Ledger, LocalHome};
use super::{HeldBudget, Home, LedgerHandle, LedgerLog, LogFailed, Spender, SpenderTimes};
use crate::environment::World;

/// How long a hold lives whose holder is gone.
pub(crate) const HOLD_TTL_MS: u64 = 10_000;

/// A journal that answers each append as it is told to, and takes everything else.
pub(crate) struct Appending<F>(pub(crate) F);

impl<R, F: FnMut() -> Result<(), LogFailed> + Send> LedgerLog<R> for Appending<F> {
    fn append(&mut self, _: &[R]) -> Result<(), LogFailed> {
        (self.0)()
    }

    fn keep_durable(&mut self) -> Result<(), LogFailed> {
        Ok(())
    }

    fn wants_checkpoint(&self) -> bool {
        false
    }

    fn checkpoint(&mut self, _: &[R]) -> Result<(), LogFailed> {
        Ok(())
    }
}

/// A running ledger with the account of [`hold`], which has this limit.
pub(crate) async fn ledger(world: World, limit: Amount) -> LedgerHandle {
    let ledger = ledger_over(
        Box::new(Appending(|| Ok(()))),
        Box::new(Appending(|| Ok(()))),
        world,
    );
    put(&ledger, limit).await;
    ledger
}

/// A running ledger without accounts over these journals, of home and of the node.
pub(crate) fn ledger_over(
    home: Box<dyn LedgerLog<budget::Record>>,
    node: Box<dyn LedgerLog<spender::Record>>,
    world: World,
) -> LedgerHandle {
    let second = Duration::from_secs(1);
    let home = Ledger::new(budget::Ledger::default(), 0, home, world.clone(), second);
    spending(Arc::new(LocalHome::new(home.start())), node, world)
}

/// A spender of this home over this journal.
pub(crate) fn spending(
    home: Arc<dyn Home>,
    log: Box<dyn LedgerLog<spender::Record>>,
    world: World,
) -> LedgerHandle {
    let times = SpenderTimes {
        hold_ttl_ms: HOLD_TTL_MS,
        sync_interval: Duration::from_secs(1),
        settings: spender::Settings::default(),
    };
    let spender = Spender::new(&[], log, Arc::clone(&home), world, times);
    LedgerHandle::new(spender.start(), home)
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
