//! `control.status` and `agent.status` (atp.md 7.3).

use serde::{Deserialize, Serialize};

use super::Payload;
use super::money::window;
use super::read::{bad, content};
use crate::adapter::AgentStatus;
use crate::error::Fault;
use crate::units::PartialWindow;

/// Readiness: agent to router, or router to client under backpressure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Readiness.
    pub status: AgentStatus,
    /// Why: `gpu_oom`, `queue_depth`, `maintenance`, `queue_watermark` or the sender's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Figures behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
    /// How much the sender would take.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "window")]
    pub suggested_window: Option<PartialWindow>,
    /// Wait before more work, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "suggested_wait_ms")]
    pub retry_after_ms: Option<u64>,
    /// Whom it is about; the connection's agent if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Which persona of it; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona_id: Option<String>,
}

/// Figures behind a status. Absent ones are unknown.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Metrics {
    /// Calls waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_depth: Option<u64>,
    /// Load of the accelerators, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_util: Option<f64>,
    /// Free memory in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mem_free_mb: Option<f64>,
}

impl Status {
    pub(super) fn read(payload: &Payload<'_>) -> Result<Self, Fault> {
        let status: Self = content(payload)?;
        match status.metrics.and_then(|metrics| metrics.gpu_util) {
            Some(util) if !(0.0..=1.0).contains(&util) => Err(bad("metrics.gpu_util must be from 0 to 1")),
            _ => Ok(status),
        }
    }
}

/// The router's broadcast of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusChange {
    /// Whose status.
    pub agent_id: String,
    /// In which session, if only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The status it has.
    pub status: AgentStatus,
    /// The status it had, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<AgentStatus>,
    /// When, in Unix milliseconds.
    pub at: u64,
}
