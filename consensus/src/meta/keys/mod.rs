//! API keys: what is known of each; of its secret the hash only (design section 11).
//!
//! At the bounds: [`KEYS_MAX`] keys, texts of [`TEXT_MAX`] bytes; beyond, refused. The ids of the last [`REVOKED_MAX`] revoked
//! keys are remembered, so that a command that made one and arrives again does not bring it back.

mod make_key;
mod revoke_key;

pub use make_key::{MakeKey, MakeKeyReply};
pub use revoke_key::{RevokeKey, RevokeKeyReply};

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use atp_protocol::ids::{AccountId, TenantId};
use atp_protocol::units::{Tier, UnixMillis};
use serde::{Deserialize, Serialize};

/// Keys; one more is refused.
pub const KEYS_MAX: usize = 100_000;

/// Bytes of a key's id, and of its label.
pub const TEXT_MAX: usize = 256;

/// Ids of revoked keys remembered.
pub const REVOKED_MAX: usize = 65_536;

/// What is kept of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Hash of its secret.
    pub hash: [u8; 32],
    /// Whose it is.
    pub tenant: TenantId,
    /// What it spends from.
    pub account: AccountId,
    /// The operator's note.
    pub label: String,
    /// Its holder may dial in as an agent.
    pub may_declare_agents: bool,
    /// Best tier it may ask for.
    pub tier_max: Tier,
    /// When it was made; `None` where that is not known.
    pub made_at: Option<UnixMillis>,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys {
    pub(super) keys: BTreeMap<String, Key>,
    /// How many keys spend from an account.
    spending: BTreeMap<AccountId, u32>,
    /// Ids of revoked keys, the oldest first.
    pub(super) revoked: VecDeque<String>,
    revoked_ids: BTreeSet<String>,
}

impl Keys {
    /// One key.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Key> {
        self.keys.get(id)
    }

    /// All keys, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Key)> {
        self.keys.iter().map(|(id, key)| (id.as_str(), key))
    }

    /// How many keys spend from an account.
    #[must_use]
    pub fn spending_from(&self, account: &AccountId) -> u32 {
        self.spending.get(account).copied().unwrap_or(0)
    }

    pub(super) fn insert(&mut self, id: String, key: Key) {
        *self.spending.entry(key.account.clone()).or_default() += 1;
        self.keys.insert(id, key);
    }

    fn revoke(&mut self, id: String) {
        if let Some(key) = self.keys.remove(&id)
            && let Some(count) = self.spending.get_mut(&key.account)
        {
            *count -= 1;
            if *count == 0 {
                self.spending.remove(&key.account);
            }
        }
        self.remember_revoked(id);
    }

    pub(super) fn revoke_all(&mut self, is_gone: impl Fn(&Key) -> bool) {
        let gone = self.keys.iter().filter(|(_, key)| is_gone(key));
        let gone: Vec<String> = gone.map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.revoke(id);
        }
    }

    pub(super) fn remember_revoked(&mut self, id: String) {
        if !self.revoked_ids.insert(id.clone()) {
            return;
        }
        self.revoked.push_back(id);
        if self.revoked.len() > REVOKED_MAX
            && let Some(oldest) = self.revoked.pop_front()
        {
            self.revoked_ids.remove(&oldest);
        }
    }

    fn was_revoked(&self, id: &str) -> bool {
        self.revoked_ids.contains(id)
    }
}
