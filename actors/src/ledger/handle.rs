//! What sessions hold of the ledger.

use std::sync::Arc;
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::{Addr, Handler, Message};
use atp_protocol::adapter::UsageSource;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::AccountId;
use atp_protocol::units::Amount;
use atp_routing::budget::home::Share;
use atp_routing::budget::spender::Reach;
use atp_routing::budget::{HoldId, Limits};
use tracing::Instrument;

use super::holders::Holder;
use super::spender::{Asked, Checkpoint, Close, Extend, Flush, Hold, Release, Resume, Settle, Spender};
use super::{AccountView, Home};
use crate::spans;

/// How long everything that was used may take to arrive at home.
const FLUSH: Duration = Duration::from_secs(3);

/// What a node spends, and the home of its accounts, from any arbiter. Cheap to clone.
#[derive(Clone)]
pub struct LedgerHandle {
    spender: Addr<Spender>,
    home: Arc<dyn Home>,
}

impl LedgerHandle {
    /// The handle of a started spender and its home.
    #[must_use]
    pub fn new(spender: Addr<Spender>, home: Arc<dyn Home>) -> Self {
        Self { spender, home }
    }

    async fn ask<M>(&self, message: M) -> Result<M::Result, Fault>
    where
        Spender: Handler<M>,
        <Spender as actix::Actor>::Context: ToEnvelope<Spender, M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        self.spender.send(message).await.map_err(|_| stopped())
    }

    /// The answer to a hold or a top-up, which may have to come from home.
    async fn answer(&self, asked: Asked<Result<bool, Fault>>) -> Result<bool, Fault> {
        match asked {
            Asked::Now(answer) => answer,
            Asked::Later(answer) => {
                let waiting = spans::request::lease_wait();
                answer.instrument(waiting).await.map_err(|_| stopped())?
            }
        }
    }

    /// Whether it takes requests.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.spender.connected() && self.home.is_alive()
    }

    /// Reserves `amount` on `account` and all its ancestors, or nothing. Waits for home where the node's lease is too small.
    ///
    /// # Errors
    /// `EBUDGET`, `EWINDOW` and what else [`Refusal`](atp_routing::budget::Refusal) maps to; `EINTERNAL`, to be tried again,
    /// where home does not answer.
    pub async fn hold(&self, id: HoldId, account: AccountId, amount: Amount) -> Result<HeldBudget, Fault> {
        let holder = Holder::default();
        let asked = Hold {
            id: id.clone(),
            account: account.clone(),
            amount,
            holder: Arc::downgrade(&holder),
        };
        let asked = self.ask(asked).await?;
        let is_limited = self.answer(asked).await?;
        Ok(HeldBudget {
            ledger: self.clone(),
            account,
            id,
            amount,
            is_limited,
            _holder: holder,
        })
    }

    /// Has everything that was used on this node arrive at home, and what is free as far as `reach` says. Answers what is
    /// free then.
    ///
    /// # Errors
    /// `EINTERNAL`, to be tried again, when it does not arrive in time, or cannot for want of space on the disk.
    pub async fn flush(&self, reach: Reach) -> Result<Vec<Share>, Fault> {
        let done = self.ask(Flush { reach }).await?;
        let late = |_| {
            Fault::new(
                Code::Internal,
                "the home of an account cannot be reached; what was used is kept and reported later",
            )
        };
        let done = tokio::time::timeout(FLUSH, done).await.map_err(late)?;
        done.map_err(|_| stopped())
    }

    /// As [`Self::flush`], and leases may be asked for again at once.
    ///
    /// # Errors
    /// As [`Self::flush`].
    pub async fn give_back(&self, reach: Reach) -> Result<(), Fault> {
        self.flush(reach).await?;
        self.ask(Resume).await
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
        self.flush(Reach::All).await?;
        let put = self.home.put(id, parent, limits).await;
        self.ask(Resume).await?;
        put
    }

    /// Closes an account. Answers what it was.
    ///
    /// # Errors
    /// `ENOTFOUND` for an unknown account, `EBAD_INPUT` while something depends on it, `EINTERNAL` where the journal cannot be
    /// written.
    pub async fn close(&self, id: AccountId) -> Result<AccountView, Fault> {
        self.flush(Reach::All).await?;
        let closed = self.home.close(id).await;
        self.ask(Resume).await?;
        closed
    }

    /// One account.
    ///
    /// # Errors
    /// `EINTERNAL` when the ledger has stopped or home cannot be reached.
    pub async fn account(&self, id: AccountId) -> Result<Option<AccountView>, Fault> {
        let shares = self.flush(Reach::Used).await?;
        Ok(self.home.view(Some(id), shares).await?.pop())
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// `EINTERNAL` when the ledger has stopped or home cannot be reached.
    pub async fn accounts(&self) -> Result<Vec<AccountView>, Fault> {
        let shares = self.flush(Reach::Used).await?;
        self.home.view(None, shares).await
    }

    /// Reports everything, gives back what is free, and replaces the journal by a snapshot. No more holds are taken.
    ///
    /// # Errors
    /// When home cannot be reached or the journal cannot be written.
    pub async fn stop(&self) -> Result<(), Fault> {
        self.ask(Close).await?;
        let flushed = self.flush(Reach::All).await;
        self.ask(Checkpoint).await??;
        flushed.map(|_| ())
    }
}

fn stopped() -> Fault {
    Fault::new(
        Code::Internal,
        "the ledger has stopped; the operator must look at the node",
    )
}

/// A live hold, for as long as its work takes. Ends by settling or releasing; one that is merely dropped stays held until
/// it expires, because what was used under it is not known.
pub struct HeldBudget {
    ledger: LedgerHandle,
    account: AccountId,
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
        let asked = Extend {
            account: self.account.clone(),
            id: self.id.clone(),
            by,
        };
        let asked = self.ledger.ask(asked).await?;
        self.is_limited = self.ledger.answer(asked).await?;
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
                account: self.account.clone(),
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
        let release = Release {
            account: self.account.clone(),
            id: self.id.clone(),
        };
        self.ledger.ask(release).await?
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
