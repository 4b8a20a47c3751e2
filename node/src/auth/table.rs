//! The snapshot of keys that requests authenticate against.

use std::collections::BTreeMap;

use atp_actors::access::Access;
use atp_protocol::flow::Rate;
use atp_protocol::ids::{AccountId, TenantId};
use atp_protocol::request::Identity;
use atp_protocol::units::{Tier, UnixMillis};
use blake3::Hash;
use serde::{Deserialize, Serialize};

use super::Credential;
use super::key::{ApiKey, hash};
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

/// A key that was made over the admin API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeKey {
    /// What is kept of it.
    pub key: KeyRecord,
    /// Its holder may dial in as an agent.
    pub may_declare_agents: bool,
    /// When it was made; `None` for one that an earlier release made.
    pub made_at: Option<UnixMillis>,
}

/// What an operator is told of a key: neither the key nor its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// Names the key; `None` for one of the configuration, which is revoked there.
    pub key_id: Option<String>,
    /// The operator's note.
    pub label: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it spends from.
    pub account: AccountId,
    /// Its holder may dial in as an agent.
    pub may_declare_agents: bool,
    /// When it was made, where that is known.
    pub made_at_ms: Option<UnixMillis>,
}

/// A key in the table.
#[derive(Clone)]
struct Kept {
    hash: Hash,
    credential: Credential,
    view: KeyView,
}

/// Keys by id. Replaced whole when one is added or revoked.
#[derive(Clone, Default)]
pub struct KeyTable {
    keys: BTreeMap<String, Kept>,
    /// Keys of the operator's own making, by hash.
    configured: BTreeMap<[u8; 32], (Credential, KeyView)>,
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

    /// From here on every credential, those to come as well, may call at this rate. Says whether that is another one.
    pub fn limit(&mut self, rate: Option<Rate>) -> bool {
        if self.rate == rate {
            return false;
        }
        self.rate = rate;
        let made = self.keys.values().map(|kept| &kept.credential);
        let configured = self.configured.values().map(|(credential, _)| credential);
        let admin = self.admin.iter().map(|(_, credential)| credential);
        let all = made.chain(configured).chain(admin).chain(&self.anyone);
        all.for_each(|credential| credential.limit(rate));
        true
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

    /// Adds a key.
    pub fn insert(&mut self, made: &MadeKey) {
        let MadeKey { key, .. } = made;
        let view = KeyView {
            key_id: Some(key.id.clone()),
            label: key.label.clone(),
            tenant: key.tenant.clone(),
            account: key.account.clone(),
            may_declare_agents: made.may_declare_agents,
            made_at_ms: made.made_at,
        };
        let kept = Kept {
            hash: Hash::from_bytes(key.hash),
            credential: self.credential(&view, key.tier_max),
            view,
        };
        self.keys.insert(key.id.clone(), kept);
    }

    /// Adds a key that the operator chose. `may_declare_agents`: its holder may dial in as an agent.
    pub fn insert_configured(
        &mut self,
        key: &Secret,
        tenant: TenantId,
        account: AccountId,
        may_declare_agents: bool,
    ) {
        let view = KeyView {
            key_id: None,
            label: String::new(),
            tenant,
            account,
            may_declare_agents,
            made_at_ms: None,
        };
        let credential = self.credential(&view, Tier::Gold);
        let hash = *hash(key.expose()).as_bytes();
        self.configured.insert(hash, (credential, view));
    }

    fn credential(&self, view: &KeyView, tier_max: Tier) -> Credential {
        let identity = Identity {
            tenant: view.tenant.clone(),
            account: Some(view.account.clone()),
            tier_max,
            data_scopes: None,
            is_admin: false,
            may_declare_agents: view.may_declare_agents,
        };
        Credential::new(identity, self.rate)
    }

    /// Takes a key out. Its access, which open connections share, is for the caller to end once this table is in force.
    pub fn remove(&mut self, id: &str) -> Option<(KeyView, Access)> {
        let kept = self.keys.remove(id)?;
        Some((kept.view, kept.credential.access))
    }

    /// The ids of keys that were made, in order.
    pub fn made(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// Whether there is a key of this id.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.keys.contains_key(id)
    }

    /// Every key but the operator's: those that were made, by id, then those of the configuration, by account.
    #[must_use]
    pub fn list(&self) -> Vec<KeyView> {
        let mut configured: Vec<_> = self.configured.values().map(|(_, view)| view.clone()).collect();
        configured.sort_by(|a, b| a.account.cmp(&b.account));
        let made = self.keys.values().map(|kept| kept.view.clone());
        made.chain(configured).collect()
    }

    /// Whether `credential` has the form of a key that was made, and is none that this table has.
    #[must_use]
    pub fn lacks(&self, credential: &str) -> bool {
        let is_lacking = ApiKey::parse(credential).is_some_and(|key| !self.has(key.id));
        is_lacking && {
            let hash = hash(credential);
            let is_admin = self.admin.as_ref().is_some_and(|(kept, _)| *kept == hash);
            !is_admin && !self.configured.contains_key(hash.as_bytes())
        }
    }

    /// Who presents `credential`. `None` for a missing credential, unless anyone is served, and for a wrong one always.
    #[must_use]
    pub fn authenticate(&self, credential: Option<&str>) -> Option<&Credential> {
        let Some(text) = credential else {
            return self.anyone.as_ref();
        };
        if let Some(key) = ApiKey::parse(text)
            && let Some(kept) = self.keys.get(key.id)
        {
            // `Hash` compares in constant time.
            return (kept.hash == key.hash()).then_some(&kept.credential);
        }
        let hash = hash(text);
        if let Some((kept, credential)) = &self.admin
            && *kept == hash
        {
            return Some(credential);
        }
        // Found by its hash: a hash that is nearly right tells nothing about a key that is.
        let configured = self
            .configured
            .get(hash.as_bytes())
            .map(|(credential, _)| credential);
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

    fn record(minted: &Minted) -> MadeKey {
        let key = KeyRecord {
            id: minted.id.clone(),
            hash: *minted.hash.as_bytes(),
            tenant: TenantId::new("acme").unwrap(),
            account: AccountId::new("acme/dev").unwrap(),
            label: "test".to_owned(),
            tier_max: Tier::Silver,
        };
        MadeKey {
            key,
            may_declare_agents: false,
            made_at: Some(UnixMillis(5)),
        }
    }

    #[test]
    fn a_key_opens_its_own_account_and_nothing_else_does() {
        let minted = Minted::new(&Counting);
        let mut table = KeyTable::new(Some(&Secret::new("operator".to_owned())), None);
        table.insert(&record(&minted));
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
        table.insert(&record(&minted));
        assert!(table.authenticate(None).is_some());
        assert!(table.authenticate(Some("sk-anything")).is_some());
        let wrong = format!("{}x", &minted.key.expose()[..minted.key.expose().len() - 1]);
        assert!(table.authenticate(Some(&wrong)).is_none());
    }

    #[test]
    fn a_table_lacks_keys_of_the_made_form_that_it_does_not_have_and_no_others() {
        let minted = Minted::new(&Counting);
        let mut table = KeyTable::new(Some(&Secret::new("operator".to_owned())), None);
        assert!(table.lacks(minted.key.expose()));
        for credential in ["operator", "", "sk-anything", "atp_short_key"] {
            assert!(!table.lacks(credential), "{credential:?}");
        }
        let as_admin = KeyTable::new(Some(&minted.key), None);
        assert!(!as_admin.lacks(minted.key.expose()));
        table.insert(&record(&minted));
        assert!(!table.lacks(minted.key.expose()));
    }

    #[test]
    fn a_list_of_keys_tells_neither_key_nor_hash_and_a_key_taken_out_opens_nothing() {
        let minted = Minted::new(&Counting);
        let mut table = KeyTable::new(None, None);
        table.insert(&record(&minted));
        let (tenant, account) = (TenantId::new("beta").unwrap(), AccountId::new("beta").unwrap());
        table.insert_configured(&Secret::new("chosen".to_owned()), tenant, account, true);
        let told = serde_json::to_string(&table.list()).unwrap();
        let expected = format!(
            r#"[{{"key_id":"{}","label":"test","tenant":"acme","account":"acme/dev","may_declare_agents":false,"made_at_ms":5}},"#,
            minted.id
        );
        assert!(told.starts_with(&expected), "{told}");
        assert!(
            told.contains(r#"{"key_id":null,"label":"","tenant":"beta""#),
            "{told}"
        );
        let (_, access) = table.remove(&minted.id).expect("it was there");
        assert!(table.authenticate(Some(minted.key.expose())).is_none());
        assert!(table.remove(&minted.id).is_none());
        assert!(access.check().is_ok(), "until it is ended");
    }
}
