//! The shell around [`spender::Spender`]: its state, its tick, its journal.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context};
use atp_protocol::error::Fault;
use atp_protocol::ids::AccountId;
use atp_protocol::units::UnixMillis;
use atp_routing::budget::HoldId;
use atp_routing::budget::home::Share;
use atp_routing::budget::spender::{self, Record, Settings, Ticket};
use tokio::sync::oneshot;

use crate::environment::World;
use crate::ledger::Home;
use crate::ledger::holders::Holders;
use crate::ledger::kept::{Kept, LedgerLog};

/// Messages waiting; each is small and answered within microseconds, and senders wait beyond.
const MAILBOX: usize = 4_096;

/// How often it is looked for what is due, and how often for expired holds, as a multiple.
pub(super) const TICK: Duration = Duration::from_millis(50);
const EXPIRY_TICKS: u32 = 5;
const EXPIRED_MAX: usize = 1_024;

/// When a spender acts.
#[derive(Debug, Clone)]
pub struct SpenderTimes {
    /// A hold nobody settles lives this long, in milliseconds.
    pub hold_ttl_ms: u64,
    /// Journal writes are made durable against power loss at least this often.
    pub sync_interval: Duration,
    /// When home is asked, told, and given back to.
    pub settings: Settings,
}

/// What a node spends.
pub struct Spender {
    pub(super) spender: spender::Spender,
    pub(super) kept: Kept<Record>,
    pub(super) home: Arc<dyn Home>,
    pub(super) holders: Holders,
    pub(super) world: World,
    times: SpenderTimes,
    /// Ends of holds that found the disk full, in the order they came; at most one for each hold.
    deferred: VecDeque<Record>,
    /// Requests that wait for home.
    pub(super) waiting: HashMap<Ticket, Waiting>,
    pub(super) flushes: HashMap<Ticket, oneshot::Sender<Vec<Share>>>,
    ticks: u32,
}

/// A request that waits for home.
pub(super) struct Waiting {
    pub(super) account: AccountId,
    pub(super) id: HoldId,
    /// Whose hold it becomes; `None` for a top-up.
    pub(super) holder: Option<Weak<()>>,
    pub(super) reply: oneshot::Sender<Result<bool, Fault>>,
}

impl Spender {
    /// What the records of its journal say it has, to be gone on with in `log`.
    #[must_use]
    pub fn new(
        recovered: &[Record],
        log: Box<dyn LedgerLog<Record>>,
        home: Arc<dyn Home>,
        world: World,
        times: SpenderTimes,
    ) -> Self {
        let mut spender = spender::Spender::new(times.settings.clone(), world.mint("lease_"));
        for record in recovered {
            spender.apply(record);
        }
        Self {
            spender,
            kept: Kept::new(log, world.meter.money.journal_appends.clone()),
            home,
            holders: Holders::default(),
            world,
            times,
            deferred: VecDeque::new(),
            waiting: HashMap::new(),
            flushes: HashMap::new(),
            ticks: 0,
        }
    }

    /// Journals records, then applies them.
    pub(super) fn commit(&mut self, records: &[Record]) -> Result<(), Fault> {
        if records.is_empty() {
            return Ok(());
        }
        self.kept.append(records)?;
        for record in records {
            self.spender.apply(record);
        }
        Ok(())
    }

    /// Commits what ends a hold. A full disk puts it off: the hold stands until there is space, and a process that ends before
    /// leaves it to expire.
    pub(super) fn conclude(&mut self, record: Record) -> Result<(), Fault> {
        let committed = self.commit(std::slice::from_ref(&record));
        if committed.is_err() && self.kept.is_full() {
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
            self.spender.on_settled(self.world.now(), record.account());
        }
    }

    /// When a hold that is made or extended at this moment expires.
    pub(super) fn expires_at(&self) -> UnixMillis {
        UnixMillis(self.world.clock.unix().0.saturating_add(self.times.hold_ttl_ms))
    }

    fn tick(&mut self, context: &mut Context<Self>) {
        if self.kept.has_failed() {
            // Readiness sees it go.
            return context.stop();
        }
        // Before anything expires: what is known of a hold goes before what is not.
        self.catch_up();
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(EXPIRY_TICKS) {
            self.expire();
            self.publish();
        }
        self.forget_those_gone();
        self.drive(context);
        if self.kept.wants_checkpoint() {
            let _ = self.checkpoint();
        }
    }

    fn expire(&mut self) {
        let expires_at = self.expires_at();
        let now = self.world.clock.unix();
        let expired = self.spender.propose_expired(now, EXPIRED_MAX, |id| {
            self.holders.is_at_work(id).then_some(expires_at)
        });
        if expired.is_empty() {
            return;
        }
        // Told and remembered by `commit`.
        if self.commit(&expired).is_ok() {
            let now = self.world.now();
            for record in &expired {
                self.spender.on_settled(now, record.account());
            }
        }
        self.holders.prune();
    }

    /// Nothing is held for those who wait no more.
    fn forget_those_gone(&mut self) {
        let spender = &mut self.spender;
        self.waiting.retain(|ticket, waiting| {
            let is_gone = waiting.reply.is_closed();
            if is_gone {
                spender.forget(&waiting.account, *ticket);
            }
            !is_gone
        });
        self.flushes.retain(|ticket, reply| {
            let is_gone = reply.is_closed();
            if is_gone {
                spender.forget_flush(*ticket);
            }
            !is_gone
        });
    }

    fn publish(&self) {
        let (money, now) = (&self.world.meter.money, self.world.now());
        money.leases.set(self.spender.leases() as f64);
        money.leases_lapsed.set(self.spender.lapsed(now) as f64);
        money.waiting.set(self.spender.waiting() as f64);
        let free = self.spender.free();
        money.lease_free_tokens.set(free.tokens as f64);
        money.lease_free_usd_micros.set(free.usd_micros as f64);
    }

    pub(super) fn checkpoint(&mut self) -> Result<(), Fault> {
        self.kept.checkpoint(&self.spender.snapshot())
    }
}

impl Actor for Spender {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(MAILBOX);
        context.run_interval(TICK, Self::tick);
        context.run_interval(self.times.sync_interval, |spender, _| spender.kept.keep_durable());
    }
}
