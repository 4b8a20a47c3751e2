//! What the cluster knows of an adapter when the FIB is built.

use std::sync::Arc;

use atp_protocol::adapter::{Capability, Health, HealthStatus};
use atp_protocol::estimate::Price;
use atp_protocol::units::Millis;
use serde::Serialize;

/// After this long without a health report an adapter is stale, in milliseconds (routing.md 3.2).
const STALE_MS: u64 = 15_000;

/// After this long without a health report an adapter is withdrawn, in milliseconds.
const WITHDRAWN_MS: u64 = 60_000;

/// How long an adapter may stay silent after it registered (atp.md 22.5), in milliseconds.
const SILENT_MS: u64 = 10_000;

/// Constant of the decay of a stale adapter's score, in milliseconds.
const DECAY_MS: f64 = 30_000.0;

/// An adapter of the cluster, wherever it is attached.
#[derive(Debug, Clone)]
pub struct Registered {
    /// What it declared, or what static configuration says.
    pub capability: Arc<Capability>,
    /// Region it runs in.
    pub region: Arc<str>,
    /// Price from the operator's configuration; a price of the model in the policy document goes before it.
    pub price: Option<Price>,
    /// What is known of its condition.
    pub liveness: Liveness,
    /// Whether it passed the compliance check of its registration.
    pub is_compliant: bool,
}

/// What is known of an adapter's condition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Liveness {
    /// Runs inside the nodes: it is there when they are, and reports nothing.
    Local,
    /// Reported its health.
    Reported {
        /// The last report.
        health: Health,
        /// When it came.
        at: Millis,
    },
    /// Registered and said nothing since.
    Silent {
        /// When it registered.
        since: Millis,
    },
}

impl Liveness {
    /// The last report, however old.
    #[must_use]
    pub const fn health(&self) -> Option<&Health> {
        match self {
            Self::Reported { health, .. } => Some(health),
            Self::Local | Self::Silent { .. } => None,
        }
    }

    /// By how much its score counts: 1 while reports are fresh, less when they are stale. `None` once it is withdrawn,
    /// has never reported within its time, or calls itself unhealthy.
    #[must_use]
    pub fn freshness(&self, now: Millis) -> Option<f64> {
        match self {
            Self::Local => Some(1.0),
            Self::Silent { since } => (now.since(*since) <= SILENT_MS).then_some(1.0),
            Self::Reported { health, at } => match now.since(*at) {
                _ if health.status == HealthStatus::Unhealthy => None,
                age if age <= STALE_MS => Some(1.0),
                age if age <= WITHDRAWN_MS => Some((-(age as f64) / DECAY_MS).exp()),
                _ => None,
            },
        }
    }

    /// Best first, for choosing between two registrations of one adapter.
    pub(super) fn rank(&self) -> u8 {
        match self.health().map(|health| health.status) {
            Some(HealthStatus::Healthy) => 0,
            None => 1,
            Some(HealthStatus::Degraded) => 2,
            Some(HealthStatus::Unhealthy) => 3,
        }
    }
}

/// Why an adapter has no candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unroutable {
    /// It failed its compliance check.
    NonCompliant,
    /// Nobody gave it a price; a zero must be written.
    Unpriced,
}
