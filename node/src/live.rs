//! What of the configuration takes effect while the node runs: its own file and variables, and over them what the cluster agreed on.
//!
//! Whoever goes by such a value reads it when it is needed: the next request has it, one that runs keeps what it began with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};
use atp_actors::session::Timeouts;
use atp_protocol::flow::Rate;
use tracing::warn;

use crate::config::{Config, ConfigError, Reloadable};
use crate::environment::Environment;
use crate::settings;
use crate::surfaces::Adjustable;
use crate::telemetry::LogFilter;

/// See the module.
pub(crate) struct Live {
    /// The node's own.
    configured: Arc<Config>,
    /// With what the cluster agreed on.
    effective: ArcSwap<Config>,
    /// Which state of what was agreed on that is; 0 before there was any.
    version: AtomicU64,
    /// For the surfaces.
    pub(crate) adjustable: Arc<ArcSwap<Adjustable>>,
    /// For the sessions.
    pub(crate) timeouts: Arc<ArcSwap<Timeouts>>,
    logs: Option<LogFilter>,
}

impl Live {
    /// The node's own configuration, in force as it is.
    pub(crate) fn new(configured: Arc<Config>, environment: &Environment) -> Self {
        Self {
            adjustable: Arc::new(ArcSwap::from_pointee(settings::adjustable(&configured))),
            timeouts: Arc::new(ArcSwap::from_pointee(settings::timeouts(&configured))),
            effective: ArcSwap::new(Arc::clone(&configured)),
            version: AtomicU64::new(0),
            logs: environment.logs.clone(),
            configured,
        }
    }

    /// The node's own configuration.
    pub(crate) fn configured(&self) -> &Config {
        &self.configured
    }

    /// What is in force.
    pub(crate) fn effective(&self) -> Guard<Arc<Config>> {
        self.effective.load()
    }

    /// Which state of what was agreed on is in force.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The node's own configuration with values that are agreed on. Keys that this release cannot change are left out: a later one can.
    ///
    /// # Errors
    /// What does not fit this node's own configuration.
    pub(crate) fn with(&self, agreed: &[(String, String)]) -> Result<Config, ConfigError> {
        let known = agreed.iter().filter(|(name, _)| {
            let named = Reloadable::named(name);
            if let Err(error) = &named {
                warn!(%error, "a setting of the cluster is left out");
            }
            named.is_ok()
        });
        self.configured
            .changed(known.map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// Brings what is `agreed` on, state `version` of it, into force. Returns the rate of credentials, which are the caller's.
    ///
    /// # Errors
    /// As [`Self::with`]; everything stays as it was.
    pub(crate) fn adopt(
        &self,
        version: u64,
        agreed: &[(String, String)],
    ) -> Result<Option<Rate>, ConfigError> {
        let config = self.with(agreed)?;
        if let Some(logs) = &self.logs
            && config.telemetry.log != self.effective().telemetry.log
        {
            logs.set(&config.telemetry.log)?;
        }
        self.adjustable.store(Arc::new(settings::adjustable(&config)));
        self.timeouts.store(Arc::new(settings::timeouts(&config)));
        let rate = Rate::written(config.auth.rate_per_s, config.auth.rate_burst);
        self.effective.store(Arc::new(config));
        self.version.store(version, Ordering::Release);
        Ok(rate)
    }
}
