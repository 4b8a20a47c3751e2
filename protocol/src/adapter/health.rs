//! `adapter.health` and `control.status`.

use serde::{Deserialize, Serialize};

/// Self-reported condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// Takes work.
    Healthy,
    /// Takes work, slower or with errors.
    Degraded,
    /// Takes none.
    Unhealthy,
}

/// Readiness for new work (atp.md 7.3 `control.status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AgentStatus {
    /// Takes work.
    Ready,
    /// Takes no new work; running calls go on.
    Busy,
    /// Asks to stop after a grace time.
    Pause,
    /// Leaves when idle.
    Draining,
}

/// What an adapter says of its condition. Absent figures are unknown, not zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// Condition.
    pub status: HealthStatus,
    /// Median latency in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_latency_ms: Option<f64>,
    /// 95th percentile latency in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_latency_ms: Option<f64>,
    /// 99th percentile latency in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_latency_ms: Option<f64>,
    /// Requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<f64>,
    /// Share of failed calls, 0 to 1; a reported value in (1, 100] was read as percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_rate: Option<f64>,
    /// Calls waiting inside the adapter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_depth: Option<u64>,
}

impl Health {
    /// Healthy, nothing measured.
    pub const HEALTHY: Self = Self {
        status: HealthStatus::Healthy,
        p50_latency_ms: None,
        p95_latency_ms: None,
        p99_latency_ms: None,
        requests_per_second: None,
        error_rate: None,
        queue_depth: None,
    };
}
