//! What a node tells of itself: `[audit]`, `[metrics]` and `[telemetry]`.

use serde::Deserialize;

/// `[audit]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditConfig {
    /// Keep a log that cannot be altered unseen.
    pub enabled: bool,
    /// Bytes of it that are kept; the oldest files go first.
    pub max_bytes: u64,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            max_bytes: 256 << 20,
        }
    }
}

/// `[metrics]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsConfig {
    /// Export series that have two names under both.
    pub aliases: bool,
    /// Answer without a key; absent means on loopback only.
    pub open: Option<bool>,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            aliases: true,
            open: None,
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// `[telemetry]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// Filter in the form of `tracing`'s env filter, e.g. `info,atp_node=debug`.
    pub log: String,
    /// Line format.
    pub log_format: LogFormat,
    /// OpenTelemetry collector that takes OTLP over HTTP, e.g. `http://127.0.0.1:4318`; absent means no spans are made.
    pub otlp_endpoint: Option<String>,
    /// Shares of traces that are kept, by tier.
    pub sampling: String,
    /// Keep spans of every chunk, frame and acknowledgement like all others.
    pub trace_verbose: bool,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            log_format: LogFormat::Json,
            otlp_endpoint: None,
            sampling: "gold:1.0,silver:0.5,bronze:0.1".to_owned(),
            trace_verbose: false,
        }
    }
}
