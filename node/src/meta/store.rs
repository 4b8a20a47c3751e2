//! The node's agreed state and its snapshots.

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use atp_actors::environment::World;
use atp_actors::ledger::LedgerHandle;
use atp_actors::registry::RegistryHandle;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::{AccountId, TenantId};
use atp_protocol::units::Tier;
use atp_routing::policy::{Lint, PolicySet};
use tokio::sync::watch;

use super::Status;
use super::log::{Log, Record};
use crate::auth::{KeyRecord, KeyTable, Minted};
use crate::journal::StoreError;

/// Longest label of a key, in bytes.
const LABEL_MAX: usize = 200;

/// Keys and policy with their journal, and the way to accounts and adapters.
pub struct Meta {
    keys: ArcSwap<KeyTable>,
    log: Mutex<Log>,
    /// Held while a policy document is kept and put in force.
    applying: tokio::sync::Mutex<()>,
    /// Accounts.
    pub ledger: LedgerHandle,
    /// Policy and adapters in force.
    pub registry: RegistryHandle,
    world: World,
    draining: watch::Sender<bool>,
}

/// What was read back from the journal.
pub(crate) struct Recovered {
    log: Log,
    keys: KeyTable,
    /// The last policy document applied.
    pub(crate) policy: Option<String>,
}

impl Recovered {
    /// Reads the journal; `keys` are what the configuration says.
    pub(crate) fn open(data_dir: &Path, mut keys: KeyTable) -> Result<Self, StoreError> {
        let (log, records) = Log::open(data_dir)?;
        let mut policy = None;
        for record in records {
            match record {
                Record::Key(key) => keys.insert(&key, false),
                Record::AgentKey(key) => keys.insert(&key, true),
                Record::Policy { text } => policy = Some(text),
            }
        }
        Ok(Self { log, keys, policy })
    }
}

impl Meta {
    pub(crate) fn new(
        recovered: Recovered,
        ledger: LedgerHandle,
        registry: RegistryHandle,
        world: World,
    ) -> Self {
        Self {
            keys: ArcSwap::from_pointee(recovered.keys),
            log: Mutex::new(recovered.log),
            applying: tokio::sync::Mutex::default(),
            ledger,
            registry,
            world,
            draining: watch::Sender::new(false),
        }
    }

    /// The keys to authenticate against.
    pub fn keys(&self) -> Guard<Arc<KeyTable>> {
        self.keys.load()
    }

    /// Makes a key that spends from `account`; its tenant is the root of the account's tree. `may_declare_agents`: its holder
    /// may dial in as an agent of that tenant.
    ///
    /// # Errors
    /// `ENOTFOUND` for an unknown account, `EBAD_INPUT` when the root's name cannot be a tenant's.
    pub async fn make_key(
        &self,
        account: AccountId,
        label: &str,
        may_declare_agents: bool,
    ) -> Result<Minted, Fault> {
        if label.len() > LABEL_MAX {
            return Err(Fault::new(
                Code::BadInput,
                format!("label: at most {LABEL_MAX} bytes"),
            ));
        }
        let root = self.root(account.clone()).await?;
        let tenant = TenantId::new(root.as_str()).map_err(|error| {
            Fault::new(
                Code::BadInput,
                format!("root account {root} cannot name a tenant: {error}"),
            )
        })?;
        let minted = Minted::new(&*self.world.random);
        let record = KeyRecord {
            id: minted.id.clone(),
            hash: *minted.hash.as_bytes(),
            tenant,
            account,
            label: label.to_owned(),
            tier_max: Tier::Gold,
        };
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.append(&match may_declare_agents {
            true => Record::AgentKey(record.clone()),
            false => Record::Key(record.clone()),
        })?;
        let mut keys = KeyTable::clone(&self.keys.load());
        keys.insert(&record, may_declare_agents);
        self.keys.store(Arc::new(keys));
        Ok(minted)
    }

    async fn root(&self, mut account: AccountId) -> Result<AccountId, Fault> {
        loop {
            let Some(view) = self.ledger.account(account.clone()).await? else {
                return Err(Fault::no_such(format!("no account {account}; create it first")));
            };
            match view.parent {
                Some(parent) => account = parent,
                None => return Ok(account),
            }
        }
    }

    /// Puts a policy document in force, on this node and after a restart; one after the other, as they come.
    ///
    /// # Errors
    /// The document's problems, or that it cannot be kept; the one in force stays.
    pub async fn apply_policy(&self, text: String) -> Result<(u64, u64), PolicyError> {
        let _in_turn = self.applying.lock().await;
        // One that the registry is going to reject, and to remember so, is not kept.
        if PolicySet::parse(&text).is_ok() {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.append(&Record::Policy { text: text.clone() })?;
        }
        Ok(self.registry.load_policy(text).await??)
    }

    /// Refuses new work from now on.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Whether new work is refused.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Resolves when new work is refused.
    pub fn drained(&self) -> impl Future<Output = ()> + 'static {
        let mut draining = self.draining.subscribe();
        async move {
            // A node that is gone refuses work as well.
            let _ = draining.wait_for(|is_draining| *is_draining).await;
        }
    }

    /// What readiness looks at.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            store: self.ledger.is_alive(),
            routable_adapters: self.registry.routable(),
            draining: self.is_draining(),
        }
    }
}

/// Why a policy document is not in force.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It has errors.
    #[error("the document has {} problems; the one in force stays", .0.len())]
    Rejected(Vec<Lint>),
    /// Something else.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Vec<Lint>> for PolicyError {
    fn from(problems: Vec<Lint>) -> Self {
        Self::Rejected(problems)
    }
}
