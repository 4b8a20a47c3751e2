//! The shell around [`budget::Ledger`](atp_routing::budget::Ledger).

use std::collections::BTreeMap;
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, MessageResult};
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::AccountId;
use atp_routing::audit::Event;
use atp_routing::budget::home::{Acknowledged, Granted, HomeRefusal, Share, Statement};
use atp_routing::budget::{self, AccountError, HoldId, Record, Refusal, home};
use tracing::error;

use super::messages::{CloseAccount, Grant, PutAccount, State, View};
use crate::environment::World;
use crate::ledger::AccountView;
use crate::ledger::kept::{Kept, LedgerLog};

/// Messages waiting; each is small and answered within microseconds, and senders wait beyond.
const MAILBOX: usize = 4_096;

/// How often expired holds are looked for, and how many end at a time.
const TICK: Duration = Duration::from_millis(250);
const EXPIRED_MAX: usize = 1_024;

/// How long a lease is good for, in milliseconds.
const LEASE_MS: u64 = 10_000;

/// The accounts.
pub(in crate::ledger) struct Ledger {
    ledger: budget::Ledger,
    kept: Kept<Record>,
    world: World,
    applied: u64,
    sync_interval: Duration,
    /// Numbers of the last grants taken, as far as this process knows.
    asks: BTreeMap<HoldId, u64>,
}

impl Ledger {
    /// `ledger` as recovered from `log`, with `applied` records.
    #[must_use]
    pub(in crate::ledger) fn new(
        ledger: budget::Ledger,
        applied: u64,
        log: Box<dyn LedgerLog<Record>>,
        world: World,
        sync_interval: Duration,
    ) -> Self {
        let kept = Kept::new(log, world.meter.money.journal_appends.clone());
        Self {
            ledger,
            kept,
            world,
            applied,
            sync_interval,
            asks: BTreeMap::new(),
        }
    }

    /// Journals records, then applies them.
    fn commit(&mut self, records: &[Record]) -> Result<(), Fault> {
        if records.is_empty() {
            return Ok(());
        }
        self.kept.append(records)?;
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

    fn tick(&mut self, context: &mut Context<Self>) {
        if self.kept.has_failed() {
            // Readiness sees it go.
            return context.stop();
        }
        let now = self.world.clock.unix();
        let expired = self.ledger.propose_expired(now, EXPIRED_MAX, |_| None);
        // Told and remembered by `commit`.
        let _ = self.commit(&expired);
        if self.kept.wants_checkpoint() {
            let _ = self.checkpoint();
        }
    }

    fn checkpoint(&mut self) -> Result<(), Fault> {
        self.kept.checkpoint(&self.ledger.snapshot())
    }

    fn grant(&mut self, grant: &home::Grant) -> Result<Granted, HomeRefusal> {
        let is_repeat = self
            .asks
            .get(&grant.lease)
            .is_some_and(|&last| grant.number <= last);
        if !is_repeat {
            let record = self
                .ledger
                .propose_grant(grant)
                .map_err(|refusal| match refusal {
                    Refusal::NotLive(_) => HomeRefusal::Ended,
                    refusal => HomeRefusal::Refused {
                        refusal,
                        root: self.ledger.root(&grant.account).cloned(),
                    },
                })?;
            self.commit(&[record])
                .map_err(|fault| HomeRefusal::Unavailable(fault.detail.into_owned()))?;
            self.asks.insert(grant.lease.clone(), grant.number);
        }
        self.granted(&grant.lease).ok_or(HomeRefusal::Ended)
    }

    fn granted(&self, lease: &HoldId) -> Option<Granted> {
        let asks = self.asks.get(lease).copied().unwrap_or_default();
        self.ledger.granted(lease, asks, LEASE_MS)
    }

    /// `None` where it could not be kept.
    fn state(&mut self, statement: &Statement) -> Option<Acknowledged> {
        let now = self.world.clock.unix();
        // One about a lease that is over changes nothing.
        let records = self.ledger.propose_statement(now, statement).unwrap_or_default();
        self.commit(&records).ok()?;
        let granted = self.granted(&statement.lease);
        if granted.is_none() {
            self.asks.remove(&statement.lease);
        }
        Some(granted.map_or(Acknowledged::Ended, Acknowledged::Live))
    }

    fn view(&self, id: &AccountId, shares: &[Share]) -> Option<AccountView> {
        let account = self.ledger.account(id)?;
        Some(AccountView {
            id: id.clone(),
            parent: account.parent().cloned(),
            limits: account.limits(),
            balance: self.ledger.balance_beside(id, shares)?,
            applied_index: self.applied,
        })
    }
}

impl Actor for Ledger {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(MAILBOX);
        context.run_interval(TICK, Self::tick);
        context.run_interval(self.sync_interval, |ledger, _| ledger.kept.keep_durable());
    }
}

impl Handler<Grant> for Ledger {
    type Result = Result<Granted, HomeRefusal>;

    fn handle(&mut self, Grant(grant): Grant, _: &mut Context<Self>) -> Self::Result {
        self.grant(&grant)
    }
}

impl Handler<State> for Ledger {
    type Result = MessageResult<State>;

    fn handle(&mut self, State(statements): State, _: &mut Context<Self>) -> Self::Result {
        let said = statements.into_iter();
        MessageResult(
            said.filter_map(|statement| Some((statement.lease.clone(), self.state(&statement)?)))
                .collect(),
        )
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
        Ok(self.view(&ask.id, &[]).expect("the account was just put"))
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
        let view = self.view(&ask.id, &[]).expect("who can be closed is there");
        self.commit(&[record])?;
        self.world.audit.note(Event::AccountDeleted { account: ask.id });
        Ok(view)
    }
}

impl Handler<View> for Ledger {
    type Result = MessageResult<View>;

    fn handle(&mut self, View { id, shares }: View, _: &mut Context<Self>) -> Self::Result {
        MessageResult(match id {
            Some(id) => self.view(&id, &shares).into_iter().collect(),
            None => self
                .ledger
                .accounts()
                .filter_map(|(id, _)| self.view(id, &shares))
                .collect(),
        })
    }
}
