//! What sessions hold of the ledger.

use std::sync::Arc;

use actix::dev::ToEnvelope;
use actix::{Addr, Handler, Message};
use atp_protocol::adapter::UsageSource;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::AccountId;
use atp_protocol::units::Amount;
use atp_routing::budget::{HoldId, Limits};

use super::Ledger;
use super::holders::Holder;
use super::messages::{
    AccountView, Checkpoint, CloseAccount, Extend, Hold, PutAccount, Release, Settle, View,
};

/// The ledger, from any arbiter. Cheap to clone.
#[derive(Clone)]
pub struct LedgerHandle(Addr<Ledger>);

impl LedgerHandle {
    /// The handle of a started ledger.
    #[must_use]
    pub fn new(addr: Addr<Ledger>) -> Self {
        Self(addr)
    }

    async fn ask<M>(&self, message: M) -> Result<M::Result, Fault>
    where
        Ledger: Handler<M>,
        <Ledger as actix::Actor>::Context: ToEnvelope<Ledger, M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let closed = |_| {
            Fault::new(
                Code::Internal,
                "the ledger has stopped; the operator must look at the node",
            )
        };
        self.0.send(message).await.map_err(closed)
    }

    /// Whether it takes requests.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.0.connected()
    }

    /// Reserves `amount` on `account` and all its ancestors, or nothing.
    ///
    /// # Errors
    /// `EBUDGET`, `EWINDOW` and what else [`Refusal`](atp_routing::budget::Refusal) maps to.
    pub async fn hold(&self, id: HoldId, account: AccountId, amount: Amount) -> Result<HeldBudget, Fault> {
        let holder = Holder::default();
        let is_limited = self
            .ask(Hold {
                id: id.clone(),
                account,
                amount,
                holder: Arc::downgrade(&holder),
            })
            .await??;
        Ok(HeldBudget {
            ledger: self.clone(),
            id,
            amount,
            is_limited,
            _holder: holder,
        })
    }

    /// Makes an account or replaces its limits.
    ///
    /// # Errors
    /// What [`AccountError`](atp_routing::budget::AccountError) maps to.
    pub async fn put(
        &self,
        id: AccountId,
        parent: Option<AccountId>,
        limits: Limits,
    ) -> Result<AccountView, Fault> {
        self.ask(PutAccount { id, parent, limits }).await?
    }

    /// Deletes an account, and answers what it was.
    ///
    /// # Errors
    /// `ENOTFOUND` for an unknown account, `EBAD_INPUT` while something depends on it, `EINTERNAL` where the journal cannot be
    /// written.
    pub async fn close(&self, id: AccountId) -> Result<AccountView, Fault> {
        self.ask(CloseAccount { id }).await?
    }

    /// One account.
    ///
    /// # Errors
    /// `EINTERNAL` when the ledger has stopped.
    pub async fn account(&self, id: AccountId) -> Result<Option<AccountView>, Fault> {
        Ok(self.ask(View { id: Some(id) }).await?.pop())
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// `EINTERNAL` when the ledger has stopped.
    pub async fn accounts(&self) -> Result<Vec<AccountView>, Fault> {
        self.ask(View { id: None }).await
    }

    /// Replaces the journal by a snapshot.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn checkpoint(&self) -> Result<(), Fault> {
        self.ask(Checkpoint).await?
    }
}

/// A live hold, for as long as its work takes. Ends by settling or releasing; one that is merely dropped stays held until
/// it expires, because what was used under it is not known.
pub struct HeldBudget {
    ledger: LedgerHandle,
    id: HoldId,
    amount: Amount,
    is_limited: bool,
    /// Keeps the hold from expiring.
    _holder: Holder,
}

impl HeldBudget {
    /// What is held.
    #[must_use]
    pub const fn amount(&self) -> Amount {
        self.amount
    }

    /// Whether tokens or money of the account or an ancestor can run out.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        self.is_limited
    }

    /// Adds to the hold.
    ///
    /// # Errors
    /// As for a new hold; this one stays as it is.
    pub async fn extend(&mut self, by: Amount) -> Result<(), Fault> {
        self.ledger
            .ask(Extend {
                id: self.id.clone(),
                by,
            })
            .await??;
        self.amount = self.amount.plus(by);
        Ok(())
    }

    /// Ends the hold and charges `actual`, of which `unknown` is a guess. The charge is in the journal when this returns.
    ///
    /// # Errors
    /// When the journal cannot be written; the hold then expires by itself.
    pub async fn settle(self, actual: Amount, unknown: Amount, source: UsageSource) -> Result<(), Fault> {
        self.ledger
            .ask(Settle {
                id: self.id.clone(),
                actual,
                unknown,
                source,
            })
            .await?
    }

    /// Ends the hold without a charge: no work was done.
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub async fn release(self) -> Result<(), Fault> {
        self.ledger.ask(Release { id: self.id.clone() }).await?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use super::*;
    use crate::environment::testing::world;
    use crate::ledger::testing::{HOLD_TTL_MS, account, hold, ledger};

    const AMOUNT: Amount = Amount {
        tokens: 100,
        usd_micros: 7,
    };

    #[tokio::test(start_paused = true)]
    async fn a_hold_expires_when_its_holder_is_gone_and_not_before() {
        let test = async {
            let (world, clock) = world();
            let ledger = ledger(world, AMOUNT).await;
            let held = hold(&ledger, "r1", AMOUNT).await;
            let lost = async || {
                clock.0.fetch_add(HOLD_TTL_MS * 1_000, Ordering::Relaxed);
                // The ledger looks for expired holds meanwhile.
                tokio::time::sleep(Duration::from_secs(1)).await;
                ledger.account(account()).await.unwrap().unwrap().balance
            };
            for _ in 0..3 {
                let balance = lost().await;
                assert_eq!((balance.held, balance.in_flight), (AMOUNT, 1));
                assert_eq!(balance.settled, Amount::ZERO);
            }
            drop(held);
            let balance = lost().await;
            assert_eq!((balance.held, balance.in_flight), (Amount::ZERO, 0));
            assert_eq!((balance.settled, balance.unknown), (AMOUNT, AMOUNT));
        };
        tokio::task::LocalSet::new().run_until(test).await;
    }
}
