//! The node's agreed state and its snapshots.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};
use atp_actors::environment::World;
use atp_actors::ledger::{AccountView, LedgerHandle};
use atp_actors::registry::RegistryHandle;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::{AccountId, TenantId};
use atp_protocol::units::Tier;
use atp_routing::audit::Event;
use atp_routing::policy::{Lint, PolicySet};
use tokio::sync::watch;

use super::Status;
use super::log::{Log, Record};
use crate::auth::{KeyRecord, KeyTable, KeyView, MadeKey, Minted};
use crate::journal::StoreError;

/// Longest label of a key, in bytes.
const LABEL_MAX: usize = 200;

/// Keys and policy with their journal, and the way to accounts and adapters.
pub struct Meta {
    keys: ArcSwap<KeyTable>,
    log: Mutex<Log>,
    /// Held while a policy document is kept and put in force.
    applying: tokio::sync::Mutex<()>,
    /// Held while a key is made and while an account is deleted: neither is to happen on what the other takes away.
    opening: tokio::sync::Mutex<()>,
    configured: BTreeSet<AccountId>,
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
                Record::Key(key) => keys.insert(&timeless(key, false)),
                Record::AgentKey(key) => keys.insert(&timeless(key, true)),
                Record::MadeKey(made) => keys.insert(&made),
                Record::RevokedKey { id } => {
                    keys.remove(&id);
                }
                Record::Policy { text } => policy = Some(text),
            }
        }
        Ok(Self { log, keys, policy })
    }
}

/// A key of a release that kept no time.
const fn timeless(key: KeyRecord, may_declare_agents: bool) -> MadeKey {
    MadeKey {
        key,
        may_declare_agents,
        made_at: None,
    }
}

impl Meta {
    /// `configured`: the accounts that a start makes unless they exist.
    pub(crate) fn new(
        recovered: Recovered,
        configured: BTreeSet<AccountId>,
        ledger: LedgerHandle,
        registry: RegistryHandle,
        world: World,
    ) -> Self {
        Self {
            configured,
            keys: ArcSwap::from_pointee(recovered.keys),
            log: Mutex::new(recovered.log),
            applying: tokio::sync::Mutex::default(),
            opening: tokio::sync::Mutex::default(),
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
        let _in_turn = self.opening.lock().await;
        let root = self.root(account.clone()).await?;
        let tenant = TenantId::new(root.as_str()).map_err(|error| {
            Fault::new(
                Code::BadInput,
                format!("root account {root} cannot name a tenant: {error}"),
            )
        })?;
        let minted = Minted::new(&*self.world.random);
        let key = KeyRecord {
            id: minted.id.clone(),
            hash: *minted.hash.as_bytes(),
            tenant,
            account,
            label: label.to_owned(),
            tier_max: Tier::Gold,
        };
        let made = MadeKey {
            key,
            may_declare_agents,
            made_at: Some(self.world.clock.unix()),
        };
        let mut log = self.log();
        log.append(&Record::MadeKey(made.clone()))?;
        let mut keys = KeyTable::clone(&self.keys.load());
        keys.insert(&made);
        self.keys.store(Arc::new(keys));
        self.world.audit.note(Event::KeyMade {
            key_id: minted.id.as_str().into(),
            account: made.key.account,
        });
        Ok(minted)
    }

    /// Ends a key, on this node and after a restart: for new requests at once, and for those who are connected with it when
    /// they ask again.
    ///
    /// # Errors
    /// `ENOTFOUND` for one that was not made or was revoked before.
    pub fn revoke_key(&self, id: &str) -> Result<KeyView, Fault> {
        let mut log = self.log();
        let mut keys = KeyTable::clone(&self.keys.load());
        let (view, access) = keys.remove(id).ok_or_else(|| {
            Fault::no_such(
                "no such key; list them to see their ids, and look for those without one in the configuration",
            )
        })?;
        log.append(&Record::RevokedKey { id: id.to_owned() })?;
        self.keys.store(Arc::new(keys));
        access.revoke();
        self.world.audit.note(Event::KeyRevoked {
            key_id: id.into(),
            account: view.account.clone(),
        });
        Ok(view)
    }

    /// Deletes an account, on this node and after a restart. Returns what it was.
    ///
    /// # Errors
    /// `ENOTFOUND` for an unknown account; `EBAD_INPUT` while keys spend from it, calls are in flight, there are accounts
    /// below it, or the configuration would make it again.
    pub async fn delete_account(&self, id: AccountId) -> Result<AccountView, Fault> {
        let _in_turn = self.opening.lock().await;
        let refused = |why: String| Fault::new(Code::BadInput, why);
        if self.configured.contains(&id) {
            let why = format!(
                "account {id} is in the configuration, which would make it again; take it out there and restart first"
            );
            return Err(refused(why));
        }
        let keys = self.keys.load().list();
        let spending = keys.iter().filter(|key| key.account == id).count();
        if spending > 0 {
            return Err(refused(format!(
                "{spending} keys spend from account {id}; revoke them first"
            )));
        }
        self.ledger.close(id).await
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
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
            self.log().append(&Record::Policy { text: text.clone() })?;
        }
        Ok(self.registry.load_policy(text, None).await??)
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
