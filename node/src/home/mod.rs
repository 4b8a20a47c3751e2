//! The home of accounts in the journal groups of the cluster (docs/adr/0012).
//!
//! An account's tree lives in the group of its root. What this node asks for is proposed there, wherever its leader is; what other
//! nodes hold of it and do not use they are asked for when there is no room, and told when somebody looks.
//!
//! At the bounds: other nodes are waited for [`OTHERS_WAIT`]; who does not answer counts as holding all of its leases.

mod accounts;
mod earlier;
pub(crate) mod gauges;
mod leases;
mod others;
mod recalls;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use atp_actors::environment::Clock;
use atp_actors::ledger::{AccountView, Home};
use atp_consensus::group::{Group, ReadError};
use atp_consensus::journal::Journal;
use atp_consensus::placement::group_of_account;
use atp_protocol::cluster::GroupId;
use atp_protocol::error::Fault;
use atp_protocol::ids::AccountId;
use atp_routing::budget::home::{Acknowledged, Grant, Granted, HomeRefusal, Share, Statement};
use atp_routing::budget::{HoldId, Limits};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};

use crate::cluster::{Cluster, PATIENCE};

pub(crate) use earlier::Earlier;
pub(crate) use others::{answer, call_in};
use recalls::Recalls;

/// How long other nodes are waited for: with two proposals around it, less than who asks for a lease waits for its answer.
const OTHERS_WAIT: Duration = Duration::from_secs(1);

/// How long this node's own leases are waited for.
const HERE_WAIT: Duration = Duration::from_millis(300);

/// Leases of which it is remembered where they are at home; of others it is looked up again.
const KNOWN_MAX: usize = 65_536;

/// See the module.
#[derive(Clone)]
pub(crate) struct GroupHome {
    cluster: Cluster,
    /// For how long a lease is good, in milliseconds.
    ttl_ms: u64,
    known: Arc<Mutex<BTreeMap<HoldId, GroupId>>>,
    recalls: Arc<Mutex<Recalls>>,
    clock: Arc<dyn Clock>,
}

impl GroupHome {
    pub(crate) fn new(cluster: Cluster, ttl_ms: u64, clock: Arc<dyn Clock>) -> Self {
        Self {
            cluster,
            ttl_ms,
            known: Arc::default(),
            recalls: Arc::default(),
            clock,
        }
    }

    /// The group of an account's tree; `None` for an account that nobody has made.
    fn group(&self, account: &AccountId) -> Option<&Group<Journal>> {
        let root = self
            .cluster
            .meta
            .read(|meta| meta.accounts().root(account).cloned())?;
        self.group_of_root(&root)
    }

    /// As [`Self::group`], and looks again at what the cluster agreed on before it says that there is no such account: this node may
    /// have just started.
    ///
    /// # Errors
    /// Those of `meta`.
    async fn find(&self, account: &AccountId) -> Result<Option<Group<Journal>>, ReadError> {
        if let Some(group) = self.group(account) {
            return Ok(Some(group.clone()));
        }
        self.cluster.meta.linearize(PATIENCE).await?;
        Ok(self.group(account).cloned())
    }

    fn group_of_root(&self, root: &AccountId) -> Option<&Group<Journal>> {
        let journals = self.cluster.place.journals;
        self.cluster.journal(group_of_account(root.as_str(), journals))
    }

    fn recalls(&self) -> MutexGuard<'_, Recalls> {
        self.recalls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<HoldId, GroupId>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, lease: &HoldId, group: GroupId) {
        let mut known = self.known();
        if known.len() >= KNOWN_MAX && !known.contains_key(lease) {
            known.pop_first();
        }
        known.insert(lease.clone(), group);
    }
}

impl Home for GroupHome {
    fn grant(&self, grant: Grant) -> BoxFuture<'static, Result<Granted, HomeRefusal>> {
        let home = self.clone();
        async move { home.lease(grant).await }.boxed()
    }

    fn state(&self, statements: Vec<Statement>) -> BoxFuture<'static, Vec<(HoldId, Acknowledged)>> {
        let home = self.clone();
        async move {
            let taken = statements.into_iter().map(|statement| home.take(statement));
            join_all(taken).await.into_iter().flatten().collect()
        }
        .boxed()
    }

    fn view(
        &self,
        account: Option<AccountId>,
        shares: Vec<Share>,
    ) -> BoxFuture<'static, Result<Vec<AccountView>, Fault>> {
        let home = self.clone();
        async move {
            match account {
                Some(id) => Ok(home.one(id, shares).await?.into_iter().collect()),
                None => home.all(shares).await,
            }
        }
        .boxed()
    }

    fn put(
        &self,
        id: AccountId,
        parent: Option<AccountId>,
        limits: Limits,
    ) -> BoxFuture<'static, Result<AccountView, Fault>> {
        let home = self.clone();
        async move { home.put_limits(id, parent, limits).await }.boxed()
    }

    fn close(&self, id: AccountId) -> BoxFuture<'static, Result<AccountView, Fault>> {
        let home = self.clone();
        async move { home.close_account(id).await }.boxed()
    }

    fn is_alive(&self) -> bool {
        self.cluster.is_in_service()
    }
}
