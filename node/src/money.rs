//! Brings up what accounts for money: the ledger with its journal, and what the node spends of it with another.

use std::sync::Arc;
use std::time::Duration;

use atp_actors::environment::World;
use atp_actors::exec::{Ended, Exec};
use atp_actors::ledger::{Ledger, LedgerHandle, LocalHome, Spender, SpenderTimes};
use atp_protocol::error::Fault;
use atp_routing::budget::spender::{self, Settings};
use atp_routing::budget::{self, Record};

use crate::config::Config;
use crate::journal::{LedgerJournal, StoreError};

/// What was read back from the journals.
pub(crate) struct Recovered {
    ledger: (LedgerJournal<Record>, budget::Ledger, u64),
    leases: (LedgerJournal<spender::Record>, Vec<spender::Record>),
}

/// What is to be stopped in order.
pub(crate) struct Money {
    /// What sessions and the admin surface ask.
    pub(crate) ledger: LedgerHandle,
    home: LocalHome,
}

impl Recovered {
    /// Reads the journals.
    pub(crate) fn open(config: &Config) -> Result<Self, StoreError> {
        Ok(Self {
            ledger: LedgerJournal::open(&config.node.data_dir)?,
            leases: LedgerJournal::open_leases(&config.node.data_dir)?,
        })
    }

    /// Starts both on the first arbiter, so that what they say to each other crosses no thread.
    pub(crate) async fn start(self, config: &Config, exec: &Exec, world: &World) -> Result<Money, Ended> {
        let (log, ledger, applied) = self.ledger;
        let sync_interval = Duration::from_millis(config.budget.sync_interval_ms.max(1));
        let of_ledger = world.clone();
        let ledger = exec
            .start(0, move || {
                Ledger::new(ledger, applied, Box::new(log), of_ledger, sync_interval)
            })
            .await?;
        let home = LocalHome::new(ledger);
        let times = SpenderTimes {
            hold_ttl_ms: config.budget.hold_ttl_ms,
            sync_interval,
            settings: Settings::default(),
        };
        let (log, records) = self.leases;
        let (accounts, of_spender) = (Arc::new(home.clone()), world.clone());
        let asked = Arc::clone(&accounts);
        let spender = exec
            .start(0, move || {
                Spender::new(&records, Box::new(log), asked, of_spender, times)
            })
            .await?;
        Ok(Money {
            ledger: LedgerHandle::new(spender, accounts),
            home,
        })
    }
}

impl Money {
    /// Reports what was used, gives back what is free, and writes snapshots of both journals.
    pub(crate) async fn stop(&self) -> Result<(), Fault> {
        self.ledger.stop().await?;
        self.home.checkpoint().await
    }
}
