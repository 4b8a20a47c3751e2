//! Brings up what accounts for money: what the node spends, with its journal, over the home of accounts in the cluster.

use std::sync::Arc;
use std::time::Duration;

use atp_actors::environment::World;
use atp_actors::exec::{Ended, Exec};
use atp_actors::ledger::{Home, LedgerHandle, Spender, SpenderTimes};
use atp_routing::budget::spender::{self, Settings};

use crate::cluster::Cluster;
use crate::config::Config;
use crate::home::{self, GroupHome};
use crate::journal::{LedgerJournal, StoreError};

/// What was read back from the journal.
pub(crate) struct Recovered {
    leases: (LedgerJournal<spender::Record>, Vec<spender::Record>),
    /// Accounts that an earlier release kept on the node.
    earlier: Option<home::Earlier>,
}

/// What runs.
pub(crate) struct Money {
    /// What sessions and the admin surface ask.
    pub(crate) ledger: LedgerHandle,
    pub(crate) home: Arc<GroupHome>,
    pub(crate) earlier: Option<home::Earlier>,
}

impl Recovered {
    /// Reads the journal.
    pub(crate) fn open(config: &Config) -> Result<Self, StoreError> {
        Ok(Self {
            leases: LedgerJournal::open_leases(&config.node.data_dir)?,
            earlier: home::Earlier::read(&config.node.data_dir)?,
        })
    }

    /// Starts it on the first arbiter.
    pub(crate) async fn start(
        self,
        config: &Config,
        cluster: &Cluster,
        exec: &Exec,
        world: &World,
    ) -> Result<Money, Ended> {
        let home = Arc::new(GroupHome::new(
            cluster.clone(),
            config.cluster.lease_ttl_ms,
            Arc::clone(&world.clock),
        ));
        let times = SpenderTimes {
            hold_ttl_ms: config.budget.hold_ttl_ms,
            sync_interval: Duration::from_millis(config.budget.sync_interval_ms.max(1)),
            settings: Settings::default(),
        };
        let (log, records) = self.leases;
        let (asked, of_spender) = (Arc::clone(&home) as Arc<dyn Home>, world.clone());
        let spender = exec
            .start(0, move || {
                Spender::new(&records, Box::new(log), asked, of_spender, times)
            })
            .await?;
        let ledger = LedgerHandle::new(spender, Arc::clone(&home) as Arc<dyn Home>);
        cluster.spends(ledger.clone());
        Ok(Money {
            ledger,
            home,
            earlier: self.earlier,
        })
    }
}
