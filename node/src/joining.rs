//! What a node does once its cluster answers: brings into force what was agreed on, and has what its configuration wants agreed on.

use std::sync::Arc;
use std::time::Duration;

use atp_protocol::error::Fault;
use atp_protocol::ids::AccountId;
use atp_routing::budget::Limits;
use tracing::{info, warn};

use crate::config::{AccountConfig, Config};
use crate::home::{self, GroupHome};
use crate::meta::{Earlier, Meta};
use crate::node::StartError;

/// How long to wait before trying again.
const AGAIN: Duration = Duration::from_secs(1);

/// A node that has started and not caught up.
pub(crate) struct Joining {
    pub(crate) config: Arc<Config>,
    pub(crate) meta: Arc<Meta>,
    pub(crate) earlier: Option<Earlier>,
    pub(crate) accounts: Option<home::Earlier>,
    pub(crate) home: Arc<GroupHome>,
}

impl Joining {
    /// Settles in as soon as the cluster has a quorum. Until then the node is not ready.
    pub(crate) async fn settle_in_some_time(mut self) {
        let mut is_told = false;
        while let Err(error) = self.try_to_settle_in().await {
            if !std::mem::replace(&mut is_told, true) {
                warn!(%error, "the node is not ready: waiting for the cluster");
            }
            tokio::time::sleep(AGAIN).await;
        }
        info!("the node has caught up with its cluster");
    }

    /// Settles in at once, or not at all.
    ///
    /// # Errors
    /// [`StartError::Cluster`], [`StartError::Account`].
    pub(crate) async fn settle_in(mut self) -> Result<(), StartError> {
        self.try_to_settle_in().await
    }

    async fn try_to_settle_in(&mut self) -> Result<(), StartError> {
        self.meta.catch_up().await.map_err(StartError::Cluster)?;
        if let Some(accounts) = &self.accounts {
            let data_dir = &self.config.node.data_dir;
            let taken = self.home.take_over(accounts, &self.meta, data_dir).await;
            taken.map_err(StartError::Cluster)?;
            self.accounts = None;
        }
        for account in &self.config.accounts {
            self.account(account).await?;
        }
        // Those that a crash left half made.
        for view in self.meta.ledger.accounts().await.map_err(StartError::Cluster)? {
            self.meta.know(&view).await.map_err(StartError::Cluster)?;
        }
        if let Some(earlier) = &self.earlier {
            let taken = self.meta.take_over(earlier, &self.config.node.data_dir).await;
            taken.map_err(StartError::Cluster)?;
            self.earlier = None;
        }
        self.meta.has_caught_up();
        Ok(())
    }

    /// Makes a configured account unless it exists; limits that an operator changed since stay.
    async fn account(&self, account: &AccountConfig) -> Result<(), StartError> {
        let refused = |fault: Fault| StartError::Account {
            id: account.id.clone(),
            fault,
        };
        let named = |id: &str| AccountId::new(id).expect("checked with the configuration");
        let id = named(&account.id);
        let ledger = &self.meta.ledger;
        if ledger.account(id.clone()).await.map_err(refused)?.is_none() {
            let limits = Limits {
                limit_tokens: account.limit_tokens,
                limit_usd_micros: account.limit_usd_micros,
                max_parallel: account.max_parallel,
            };
            let parent = account.parent.as_deref().map(named);
            self.meta.put_account(id, parent, limits).await.map_err(refused)?;
        }
        Ok(())
    }
}
