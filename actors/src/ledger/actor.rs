//! The shell around [`budget::Ledger`](atp_routing::budget::Ledger).

use std::collections::VecDeque;
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler};
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::AccountId;
use atp_protocol::units::{Amount, UnixMillis};
use atp_routing::audit::Event;
use atp_routing::budget::{self, AccountError, Record};
use tracing::error;

use super::holders::Holders;
use super::messages::{
    AccountView, Checkpoint, CloseAccount, Extend, Hold, PutAccount, Release, Settle, View,
};
use super::tenants::Tenants;
use crate::environment::World;

/// Messages waiting; each is small and answered within microseconds, and senders wait beyond.
const MAILBOX: usize = 4_096;

/// How often expired holds are looked for, and how many end at a time.
const TICK: Duration = Duration::from_millis(250);
const EXPIRED_MAX: usize = 1_024;

/// How often the gauges of tenants are brought up to date.
const PUBLISH: Duration = Duration::from_secs(1);

/// Where records go. Implemented over `storage` in `node`.
pub trait LedgerLog: Send {
    /// Writes records in order. When it returns they survive the end of the process.
    ///
    /// # Errors
    /// [`LogFailed`]; none of them is written.
    fn append(&mut self, records: &[Record]) -> Result<(), LogFailed>;

    /// Keeps what was written durable against power loss, without waiting for the disk; called every few milliseconds.
    ///
    /// # Errors
    /// [`LogFailed`]; what was promised to be durable may not be.
    fn keep_durable(&mut self) -> Result<(), LogFailed>;

    /// Whether the journal has grown enough to be replaced by a snapshot.
    fn wants_checkpoint(&self) -> bool;

    /// Replaces everything written so far by `snapshot`.
    ///
    /// # Errors
    /// [`LogFailed`]; what was written before stands.
    fn checkpoint(&mut self, snapshot: &[Record]) -> Result<(), LogFailed>;
}

/// The journal cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum LogFailed {
    /// The disk is full: it may be tried again.
    #[error("the disk of the ledger journal is full; free some space")]
    Full,
    /// Nothing may be promised any more.
    #[error("the ledger journal cannot be written: {0}")]
    Ended(String),
}

/// The accounts of this node.
pub struct Ledger {
    ledger: budget::Ledger,
    holders: Holders,
    log: Box<dyn LedgerLog>,
    world: World,
    hold_ttl_ms: u64,
    sync_interval: Duration,
    applied: u64,
    failed: bool,
    /// The last attempt found the disk full.
    is_full: bool,
    /// Ends of holds that found the disk full, in the order they came; at most one for each hold.
    deferred: VecDeque<Record>,
    tenants: Tenants,
}

impl Ledger {
    /// `ledger` as recovered from `log`, with `applied` records.
    #[must_use]
    pub fn new(
        ledger: budget::Ledger,
        applied: u64,
        log: Box<dyn LedgerLog>,
        world: World,
        (hold_ttl_ms, sync_interval): (u64, Duration),
    ) -> Self {
        Self {
            ledger,
            holders: Holders::default(),
            log,
            world,
            hold_ttl_ms,
            sync_interval,
            applied,
            failed: false,
            is_full: false,
            deferred: VecDeque::new(),
            tenants: Tenants::default(),
        }
    }

    /// Journals records, then applies them.
    fn commit(&mut self, records: &[Record]) -> Result<(), Fault> {
        if self.failed {
            return Err(unavailable());
        }
        if let Err(failure) = self.log.append(records) {
            return Err(self.fail(&failure));
        }
        self.is_full = false;
        self.world
            .meter
            .money
            .journal_appends
            .increment(records.len() as u64);
        for record in records {
            let applied = self.ledger.apply(record);
            self.applied += 1;
            if !applied.keeps_limits {
                error!("an account exceeds its limit; report this as a defect");
                self.world.meter.money.invariant_violations.increment(1);
            }
        }
        Ok(())
    }

    /// Commits what ends a hold. A full disk puts it off: the hold stands until there is space, and a process that ends before
    /// leaves it to expire.
    fn conclude(&mut self, record: Record) -> Result<(), Fault> {
        let committed = self.commit(std::slice::from_ref(&record));
        if committed.is_err() && self.is_full && !self.failed {
            self.deferred.push_back(record);
            return Ok(());
        }
        committed
    }

    fn catch_up(&mut self) {
        while let Some(record) = self.deferred.pop_front() {
            if self.commit(std::slice::from_ref(&record)).is_err() {
                return self.deferred.push_front(record);
            }
        }
    }

    /// When a hold that is made or extended at this moment expires.
    fn expires_at(&self) -> UnixMillis {
        UnixMillis(self.world.clock.unix().0.saturating_add(self.hold_ttl_ms))
    }

    fn tick(&mut self, context: &mut Context<Self>) {
        if self.failed {
            // Readiness sees it go.
            return context.stop();
        }
        // Before anything expires: what is known of a hold goes before what is not.
        self.catch_up();
        let expires_at = self.expires_at();
        let expired = self
            .ledger
            .propose_expired(self.world.clock.unix(), EXPIRED_MAX, |id| {
                self.holders.is_at_work(id).then_some(expires_at)
            });
        if !expired.is_empty() {
            // Told and remembered by `commit`.
            let _ = self.commit(&expired);
            self.holders.prune();
        }
        if !self.failed && !self.is_full && self.log.wants_checkpoint() {
            let _ = self.checkpoint();
        }
    }

    fn publish(&mut self) {
        let now = self.world.clock.unix();
        self.tenants.publish(&self.world.meter.money, &self.ledger, now);
    }

    fn keep_durable(&mut self) {
        if !self.failed
            && let Err(failure) = self.log.keep_durable()
        {
            // Told here; who asks next is told as well.
            let _ = self.fail(&failure);
        }
    }

    /// What whoever asked is to be told.
    fn fail(&mut self, failure: &LogFailed) -> Fault {
        match failure {
            LogFailed::Full => {
                if !std::mem::replace(&mut self.is_full, true) {
                    error!(%failure, "no requests are accounted for until there is");
                }
                Fault::new(Code::Internal, failure.to_string())
            }
            LogFailed::Ended(_) => {
                error!(%failure, "no more requests are accounted for; the node must be restarted");
                self.failed = true;
                unavailable()
            }
        }
    }

    fn checkpoint(&mut self) -> Result<(), Fault> {
        let written = self.log.checkpoint(&self.ledger.snapshot());
        written.map_err(|failure| self.fail(&failure))
    }

    fn view(&self, id: &AccountId) -> Option<AccountView> {
        self.ledger.account(id).map(|account| AccountView {
            id: id.clone(),
            parent: account.parent().cloned(),
            limits: account.limits(),
            balance: account.balance(),
            applied_index: self.applied,
        })
    }
}

fn unavailable() -> Fault {
    Fault::new(
        Code::Internal,
        "the ledger journal cannot be written; the operator must look at the node",
    )
    .terminal()
}

impl Actor for Ledger {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(MAILBOX);
        self.tenants.begin(&self.world.meter.money, &self.ledger);
        context.run_interval(TICK, Self::tick);
        context.run_interval(PUBLISH, |ledger, _| ledger.publish());
        context.run_interval(self.sync_interval, |ledger, _| ledger.keep_durable());
    }
}

impl Handler<Hold> for Ledger {
    type Result = Result<bool, Fault>;

    fn handle(&mut self, ask: Hold, _: &mut Context<Self>) -> Self::Result {
        let now = self.world.clock.unix();
        let expires_at = self.expires_at();
        let is_limited = self
            .ledger
            .remaining(&ask.account)
            .is_some_and(|room| room != Amount::UNLIMITED);
        let hold = budget::Hold::request(ask.account, ask.amount, expires_at);
        let record = self
            .ledger
            .propose_hold(now, &ask.id, hold)
            .inspect_err(|refusal| {
                if let Some(component) = refusal.component() {
                    self.world.meter.money.refused(component as usize);
                }
            })?;
        self.commit(&[record])?;
        self.holders.insert(ask.id, ask.holder);
        self.world.meter.money.holds.increment(1);
        Ok(is_limited)
    }
}

impl Handler<Extend> for Ledger {
    type Result = Result<(), Fault>;

    fn handle(&mut self, ask: Extend, _: &mut Context<Self>) -> Self::Result {
        let record = self
            .ledger
            .propose_extend(&ask.id, ask.by, 0, self.expires_at())?;
        self.commit(&[record])
    }
}

impl Handler<Settle> for Ledger {
    type Result = Result<(), Fault>;

    fn handle(&mut self, ask: Settle, _: &mut Context<Self>) -> Self::Result {
        let (ledger, now) = (&self.ledger, self.world.clock.unix());
        let proposed = match ask.unknown {
            Amount::ZERO => ledger.propose_settle(now, &ask.id, ask.actual, ask.source),
            unknown => ledger.propose_settle_partly(now, &ask.id, ask.actual, unknown),
        };
        self.holders.remove(&ask.id);
        let Ok(record) = proposed else {
            error!(id = %ask.id, "a hold was gone before it was settled; report this as a defect");
            self.world.meter.money.lost_settlements.increment(1);
            return Ok(());
        };
        self.conclude(record)?;
        self.world.meter.money.settled(ask.source);
        Ok(())
    }
}

impl Handler<Release> for Ledger {
    type Result = Result<(), Fault>;

    fn handle(&mut self, ask: Release, _: &mut Context<Self>) -> Self::Result {
        self.holders.remove(&ask.id);
        match self.ledger.propose_release(&ask.id) {
            Ok(record) => self.conclude(record),
            Err(_) => Ok(()),
        }
    }
}

impl Handler<PutAccount> for Ledger {
    type Result = Result<AccountView, Fault>;

    fn handle(&mut self, ask: PutAccount, _: &mut Context<Self>) -> Self::Result {
        let present = self.ledger.account(&ask.id);
        let parent = ask
            .parent
            .or_else(|| present.and_then(|account| account.parent().cloned()));
        let record = self
            .ledger
            .propose_account(&ask.id, parent.as_ref(), ask.limits)
            .map_err(|error| Fault::new(Code::BadInput, error.to_string()))?;
        self.commit(&[record])?;
        self.world.audit.note(Event::AccountSet {
            account: ask.id.clone(),
            parent,
            limits: ask.limits,
        });
        Ok(self.view(&ask.id).expect("the account was just put"))
    }
}

impl Handler<CloseAccount> for Ledger {
    type Result = Result<AccountView, Fault>;

    fn handle(&mut self, ask: CloseAccount, _: &mut Context<Self>) -> Self::Result {
        let refused = |error: AccountError| match error {
            AccountError::Unknown { .. } => Fault::no_such(error.to_string()),
            other => Fault::new(Code::BadInput, other.to_string()),
        };
        let record = self.ledger.propose_close(&ask.id).map_err(refused)?;
        let view = self.view(&ask.id).expect("who can be closed is there");
        self.commit(&[record])?;
        self.tenants.forget(&ask.id);
        self.world.audit.note(Event::AccountDeleted { account: ask.id });
        Ok(view)
    }
}

impl Handler<View> for Ledger {
    type Result = Vec<AccountView>;

    fn handle(&mut self, ask: View, _: &mut Context<Self>) -> Self::Result {
        match ask.id {
            Some(id) => self.view(&id).into_iter().collect(),
            None => self
                .ledger
                .accounts()
                .filter_map(|(id, _)| self.view(id))
                .collect(),
        }
    }
}

impl Handler<Checkpoint> for Ledger {
    type Result = Result<(), Fault>;

    fn handle(&mut self, _: Checkpoint, _: &mut Context<Self>) -> Self::Result {
        self.checkpoint()
    }
}

#[cfg(test)]
mod tests;
