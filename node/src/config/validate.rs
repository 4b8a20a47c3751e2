//! Checks that need more than one key.

use std::collections::BTreeSet;

use atp_protocol::ids::{AccountId, AdapterId, TenantId};

use super::{Config, ConfigError, ProviderConfig};

impl Config {
    /// Checks ranges and references between sections.
    ///
    /// # Errors
    /// The first key at fault, with what to write instead.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_exposure()?;
        self.validate_accounts()?;
        self.validate_providers()?;
        if self.sched.max_concurrent == 0 {
            return Err(ConfigError::invalid(
                "sched.max_concurrent",
                "0 would admit nothing; write at least 1",
            ));
        }
        if !(64 << 10..=16 << 20).contains(&self.limits.max_frame_bytes) {
            return Err(ConfigError::invalid(
                "limits.max_frame_bytes",
                "must lie between 65536 and 16777216",
            ));
        }
        if !(1 << 10..=256 << 20).contains(&self.limits.max_body_bytes) {
            return Err(ConfigError::invalid(
                "limits.max_body_bytes",
                "must lie between 1024 and 268435456",
            ));
        }
        self.validate_kept()
    }

    /// What is kept for clients that come back.
    fn validate_kept(&self) -> Result<(), ConfigError> {
        let resume = &self.resume;
        if !(1_000..=86_400_000).contains(&resume.ttl_ms) {
            let hint = "must lie between 1000 and 86400000";
            return Err(ConfigError::invalid("resume.ttl_ms", hint));
        }
        if resume.buffer_bytes < 64 << 10 {
            return Err(ConfigError::invalid(
                "resume.buffer_bytes",
                "must be at least 65536",
            ));
        }
        if resume.max_bytes < resume.buffer_bytes {
            let hint = format!("is less than resume.buffer_bytes, {}", resume.buffer_bytes);
            return Err(ConfigError::invalid("resume.max_bytes", hint));
        }
        if resume.max_streams == 0 {
            let hint = "0 would refuse every stream over HTTP; write at least 1";
            return Err(ConfigError::invalid("resume.max_streams", hint));
        }
        Ok(())
    }

    fn validate_exposure(&self) -> Result<(), ConfigError> {
        let is_exposed = !self.node.listen.ip().is_loopback();
        if is_exposed && self.tls.is_none() && !self.node.insecure_dev {
            return Err(ConfigError::invalid(
                "node.listen",
                "is not loopback and there is no [tls]; add a certificate, or set node.insecure_dev = true",
            ));
        }
        Ok(())
    }

    fn validate_accounts(&self) -> Result<(), ConfigError> {
        let mut known = BTreeSet::new();
        for account in &self.accounts {
            let key = format!("accounts.{}", account.id);
            AccountId::new(&account.id).map_err(|error| ConfigError::invalid(&key, error.to_string()))?;
            if let Some(parent) = &account.parent
                && !known.contains(parent.as_str())
            {
                return Err(ConfigError::invalid(
                    &key,
                    format!("parent `{parent}` must be listed before it"),
                ));
            }
            if !known.insert(account.id.as_str()) {
                return Err(ConfigError::invalid(&key, "is listed twice"));
            }
        }
        for key in &self.auth.keys {
            if !known.contains(key.account.as_str()) {
                let message = format!("account `{}` must be listed under [[accounts]]", key.account);
                return Err(ConfigError::invalid("auth.keys", message));
            }
            TenantId::new(self.root(&key.account)).map_err(|error| {
                let message = format!(
                    "root account `{}` cannot name a tenant: {error}",
                    self.root(&key.account)
                );
                ConfigError::invalid("auth.keys", message)
            })?;
        }
        Ok(())
    }

    /// The root above a configured account: its tenant.
    pub(crate) fn root<'a>(&'a self, account: &'a str) -> &'a str {
        let parent = self
            .accounts
            .iter()
            .find(|of| of.id == account)
            .and_then(|of| of.parent.as_deref());
        parent.map_or(account, |parent| self.root(parent))
    }

    fn validate_providers(&self) -> Result<(), ConfigError> {
        let mut ids = BTreeSet::new();
        for provider in &self.providers {
            let key = format!("providers.{}", provider.id);
            AdapterId::new(&provider.id).map_err(|error| ConfigError::invalid(&key, error.to_string()))?;
            if !ids.insert(provider.id.as_str()) {
                return Err(ConfigError::invalid(&key, "is listed twice"));
            }
            if provider.max_connections == 0 {
                return Err(ConfigError::invalid(
                    &key,
                    "max_connections = 0 would never connect",
                ));
            }
            self.validate_prices(provider, &key)?;
        }
        Ok(())
    }

    /// Every model needs a price: an unpriced call could not be held against a budget.
    fn validate_prices(&self, provider: &ProviderConfig, key: &str) -> Result<(), ConfigError> {
        let names: Vec<&str> = match provider.models.as_slice() {
            [] => vec![provider.id.as_str()],
            models => models.iter().map(String::as_str).collect(),
        };
        let missing = names
            .into_iter()
            .find(|name| !self.prices.contains_key(*name) && !self.prices.contains_key(&provider.id));
        match missing {
            Some(name) => Err(ConfigError::invalid(
                key,
                format!(
                    "`{name}` has no price; add [prices.\"{name}\"] with in_usd_micros_per_million and \
                     out_usd_micros_per_million (0 is a price)"
                ),
            )),
            None => Ok(()),
        }
    }
}
