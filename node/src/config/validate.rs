//! Checks that need more than one key.

use std::collections::BTreeSet;

use atp_protocol::ids::{AccountId, AdapterId, TenantId};

use super::{BUILTINS, Config, ConfigError, ProviderConfig};
use crate::telemetry::{Rates, check_filter};

impl Config {
    /// Checks ranges and references between sections.
    ///
    /// # Errors
    /// The first key at fault, with what to write instead.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_exposure()?;
        self.validate_accounts()?;
        self.validate_providers()?;
        self.validate_builtins()?;
        self.validate_watch()?;
        Rates::parse(&self.telemetry.sampling)
            .map_err(|error| ConfigError::invalid("telemetry.sampling", error.to_string()))?;
        check_filter(&self.telemetry.log)?;
        self.validate_aimd()?;
        if self.burst.rate > 0 && self.burst.size == 0 {
            let hint = "0 would let no agent be called; write at least 1, or burst.rate = 0 for no cap";
            return Err(ConfigError::invalid("burst.size", hint));
        }
        if self.audit.max_bytes < 16 << 20 {
            let hint = "must be at least 16777216";
            return Err(ConfigError::invalid("audit.max_bytes", hint));
        }
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
        self.validate_kept()?;
        self.validate_cluster()
    }

    fn validate_cluster(&self) -> Result<(), ConfigError> {
        let cluster = &self.cluster;
        if !(10..=10_000).contains(&cluster.heartbeat_ms) {
            let hint = "must lie between 10 and 10000";
            return Err(ConfigError::invalid("cluster.heartbeat_ms", hint));
        }
        if !(2 * cluster.heartbeat_ms..=60_000).contains(&cluster.election_ms) {
            let hint = "must be at least twice cluster.heartbeat_ms, and at most 60000";
            return Err(ConfigError::invalid("cluster.election_ms", hint));
        }
        if !(1_000..=600_000).contains(&cluster.lease_ttl_ms) {
            let hint = "must lie between 1000 and 600000";
            return Err(ConfigError::invalid("cluster.lease_ttl_ms", hint));
        }
        Ok(())
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

    fn validate_builtins(&self) -> Result<(), ConfigError> {
        let Some(unknown) = self
            .builtins
            .iter()
            .find(|name| !BUILTINS.contains(&name.as_str()))
        else {
            return Ok(());
        };
        let nearest = BUILTINS
            .into_iter()
            .min_by_key(|name| strsim::damerau_levenshtein(name, unknown))
            .expect("there are built-ins");
        let message = format!(
            "there is no built-in `{unknown}`; did you mean `{nearest}`? There are {}",
            BUILTINS.join(", ")
        );
        Err(ConfigError::invalid("builtins", message))
    }

    fn validate_watch(&self) -> Result<(), ConfigError> {
        let breaker = &self.breaker;
        let positive = [
            ("timeouts.health_poll_ms", self.timeouts.health_poll_ms),
            ("breaker.fail_threshold", u64::from(breaker.fail_threshold)),
            ("breaker.reset_timeout_ms", breaker.reset_timeout_ms),
            (
                "breaker.half_open_successes",
                u64::from(breaker.half_open_successes),
            ),
        ];
        if let Some((key, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError::invalid(key, "must be at least 1"));
        }
        if !(1.0..=10.0).contains(&breaker.reset_backoff) {
            return Err(ConfigError::invalid(
                "breaker.reset_backoff",
                "must lie between 1 and 10",
            ));
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

    fn validate_aimd(&self) -> Result<(), ConfigError> {
        let aimd = &self.aimd;
        let checks = [
            (
                "aimd.cap",
                (1..=1_000).contains(&aimd.cap),
                "must lie between 1 and 1000",
            ),
            (
                "aimd.base",
                (1..=aimd.cap).contains(&aimd.base),
                "must lie between 1 and aimd.cap",
            ),
            (
                "aimd.add",
                (1..=10).contains(&aimd.add),
                "must lie between 1 and 10",
            ),
            (
                "aimd.mult",
                (0.1..=0.9).contains(&aimd.mult),
                "must lie between 0.1 and 0.9",
            ),
        ];
        match checks.into_iter().find(|(_, is_valid, _)| !is_valid) {
            Some((key, _, message)) => Err(ConfigError::invalid(key, message)),
            None => Ok(()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        config.validate().expect_err("it cannot work").to_string()
    }

    #[test]
    fn an_unknown_built_in_is_an_error_with_the_nearest_name() {
        let message = refusal(|config| config.builtins.push("sumarizer.local".to_owned()));
        assert!(message.starts_with("builtins: "), "{message}");
        assert!(message.contains("did you mean `summarizer.local`?"), "{message}");
    }

    #[test]
    fn a_burst_of_nothing_is_an_error_unless_there_is_no_cap() {
        let message = refusal(|config| config.burst.size = 0);
        assert!(message.starts_with("burst.size: "), "{message}");
        let mut uncapped = Config::default();
        (uncapped.burst.rate, uncapped.burst.size) = (0, 0);
        uncapped.validate().expect("no cap has no size");
    }

    #[test]
    fn a_breaker_that_could_not_work_is_an_error() {
        for (key, message) in [
            (
                "breaker.fail_threshold",
                refusal(|config| config.breaker.fail_threshold = 0),
            ),
            (
                "breaker.reset_backoff",
                refusal(|config| config.breaker.reset_backoff = f64::NAN),
            ),
            (
                "timeouts.health_poll_ms",
                refusal(|config| config.timeouts.health_poll_ms = 0),
            ),
        ] {
            assert!(message.starts_with(key), "{message}");
        }
    }
}
