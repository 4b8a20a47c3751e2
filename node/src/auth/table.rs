//! The snapshot of keys that requests authenticate against.

use std::collections::BTreeMap;

use atp_protocol::ids::{AccountId, TenantId};
use atp_protocol::request::Identity;
use atp_protocol::units::Tier;
use blake3::Hash;
use serde::{Deserialize, Serialize};

use super::key::{ApiKey, hash};
use super::{Credential, Rate};
use crate::secret::Secret;

/// What is kept of a key; goes into the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Names the key.
    pub id: String,
    /// Hash of its secret.
    pub hash: [u8; 32],
    /// Whose it is.
    pub tenant: TenantId,
    /// What it spends from.
    pub account: AccountId,
    /// The operator's note.
    pub label: String,
    /// Best tier it may ask for.
    pub tier_max: Tier,
}

/// Keys by id. Replaced whole when one is added.
#[derive(Clone, Default)]
pub struct KeyTable {
    keys: BTreeMap<String, (Hash, Credential)>,
    /// Keys of the operator's own making, by hash.
    configured: BTreeMap<[u8; 32], Credential>,
    admin: Option<(Hash, Credential)>,
    anyone: Option<Credential>,
    rate: Option<Rate>,
}

impl KeyTable {
    /// A table that knows the operator's admin key, if there is one. `rate`: how often each credential may call.
    #[must_use]
    pub fn new(admin_key: Option<&Secret>, rate: Option<Rate>) -> Self {
        let admin = admin_key.map(|key| {
            let identity = Identity {
                tenant: TenantId::new("admin").expect("a valid name"),
                account: None,
                tier_max: Tier::Gold,
                data_scopes: None,
                is_admin: true,
                may_declare_agents: true,
            };
            (hash(key.expose()), Credential::new(identity, rate))
        });
        Self {
            keys: BTreeMap::new(),
            configured: BTreeMap::new(),
            admin,
            anyone: None,
            rate,
        }
    }

    /// Serves callers without a credential as tenant `public`, unaccounted.
    pub fn admit_anyone(&mut self) {
        let identity = Identity {
            tenant: TenantId::new("public").expect("a valid name"),
            account: None,
            tier_max: Tier::Gold,
            data_scopes: None,
            is_admin: false,
            may_declare_agents: false,
        };
        self.anyone = Some(Credential::new(identity, self.rate));
    }

    /// Adds a key. `may_declare_agents`: its holder may dial in as an agent.
    pub fn insert(&mut self, record: &KeyRecord, may_declare_agents: bool) {
        let identity = Identity {
            tenant: record.tenant.clone(),
            account: Some(record.account.clone()),
            tier_max: record.tier_max,
            data_scopes: None,
            is_admin: false,
            may_declare_agents,
        };
        let credential = Credential::new(identity, self.rate);
        self.keys
            .insert(record.id.clone(), (Hash::from_bytes(record.hash), credential));
    }

    /// Adds a key that the operator chose. `may_declare_agents`: its holder may dial in as an agent.
    pub fn insert_configured(
        &mut self,
        key: &Secret,
        tenant: TenantId,
        account: AccountId,
        may_declare_agents: bool,
    ) {
        let identity = Identity {
            tenant,
            account: Some(account),
            tier_max: Tier::Gold,
            data_scopes: None,
            is_admin: false,
            may_declare_agents,
        };
        let credential = Credential::new(identity, self.rate);
        self.configured.insert(*hash(key.expose()).as_bytes(), credential);
    }

    /// Who presents `credential`. `None` for a missing credential, unless anyone is served, and for a wrong one always.
    #[must_use]
    pub fn authenticate(&self, credential: Option<&str>) -> Option<&Credential> {
        let Some(text) = credential else {
            return self.anyone.as_ref();
        };
        if let Some(key) = ApiKey::parse(text)
            && let Some((kept, credential)) = self.keys.get(key.id)
        {
            // `Hash` compares in constant time.
            return (*kept == key.hash()).then_some(credential);
        }
        let hash = hash(text);
        if let Some((kept, credential)) = &self.admin
            && *kept == hash
        {
            return Some(credential);
        }
        // Found by its hash: a hash that is nearly right tells nothing about a key that is.
        let configured = self.configured.get(hash.as_bytes());
        // Without accounts a client's key, set because its library insists on one, says nothing.
        configured.or(self.anyone.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use atp_actors::environment::Random;

    use super::*;
    use crate::auth::Minted;

    struct Counting;

    impl Random for Counting {
        fn fill(&self, out: &mut [u8]) {
            for (at, byte) in out.iter_mut().enumerate() {
                *byte = u8::try_from(at).unwrap();
            }
        }
    }

    fn record(minted: &Minted) -> KeyRecord {
        KeyRecord {
            id: minted.id.clone(),
            hash: *minted.hash.as_bytes(),
            tenant: TenantId::new("acme").unwrap(),
            account: AccountId::new("acme/dev").unwrap(),
            label: "test".to_owned(),
            tier_max: Tier::Silver,
        }
    }

    #[test]
    fn a_key_opens_its_own_account_and_nothing_else_does() {
        let minted = Minted::new(&Counting);
        let mut table = KeyTable::new(Some(&Secret::new("operator".to_owned())), None);
        table.insert(&record(&minted), false);
        let identity = &table.authenticate(Some(minted.key.expose())).unwrap().identity;
        assert_eq!(identity.account.as_ref().unwrap().as_str(), "acme/dev");
        assert!(!identity.is_admin && !identity.may_declare_agents);
        let mut wrong = minted.key.expose().to_owned();
        wrong.pop();
        wrong.push('z');
        for credential in [None, Some(""), Some("x"), Some(wrong.as_str())] {
            assert!(table.authenticate(credential).is_none(), "{credential:?}");
        }
        assert!(table.authenticate(Some("operator")).unwrap().identity.is_admin);
    }

    #[test]
    fn an_open_node_still_refuses_a_wrong_key_of_its_own_form() {
        let minted = Minted::new(&Counting);
        let mut table = KeyTable::new(None, None);
        table.admit_anyone();
        table.insert(&record(&minted), false);
        assert!(table.authenticate(None).is_some());
        assert!(table.authenticate(Some("sk-anything")).is_some());
        let wrong = format!("{}x", &minted.key.expose()[..minted.key.expose().len() - 1]);
        assert!(table.authenticate(Some(&wrong)).is_none());
    }
}
