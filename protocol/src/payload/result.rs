//! Results as clients get them: `agent.result.partial`, `.final` and `.provisional` (atp.md 7.2).

use serde::{Deserialize, Serialize};

use super::read::{bad, content};
use super::{CostEst, Payload};
use crate::error::Fault;
use crate::finding::Finding;

/// A piece of a result.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Partial {
    /// What follows the text sent so far; required unless there is `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Anything but text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
    /// Position among the partials of the lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// The model at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// All text so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accumulated: Option<String>,
}

impl Partial {
    pub(super) fn read(payload: &Payload<'_>) -> Result<Self, Fault> {
        let partial: Self = content(payload)?;
        match (&partial.text, &partial.data) {
            (None, None) => Err(bad("give text or data")),
            _ => Ok(partial),
        }
    }
}

/// The result, router to client.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Final {
    /// What the lanes answered, reconciled.
    pub result: Reconciled,
    /// What it took.
    pub telemetry: Telemetry,
    /// Some lanes failed.
    #[serde(default)]
    pub partial_failure: bool,
    /// The stream ended early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted: Option<bool>,
    /// Why it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What the lanes answered, reconciled.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Reconciled {
    /// Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Anything but text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
    /// Findings of reviewing lanes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Results of several personas side by side (atp.md section 20).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<serde_json::Value>,
    /// How far the lanes agreed.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "consensus")]
    pub agreement: Option<Agreement>,
}

/// How far the lanes agreed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Agreement {
    /// How they were reconciled.
    pub strategy: String,
    /// 0 to 1; `None` where nothing was compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<f64>,
    /// What stays open.
    #[serde(default)]
    pub uncertainties: Vec<String>,
    /// Lanes in the result.
    pub lanes_used: u32,
    /// Lanes that failed.
    pub lanes_failed: u32,
}

/// What a result took.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Telemetry {
    /// Input and output tokens together.
    pub tokens: u64,
    /// Input tokens.
    pub in_tokens: u64,
    /// Output tokens.
    pub out_tokens: u64,
    /// Micro-dollars.
    pub usd_micros: u64,
    /// The same in dollars, for readers of the draft.
    #[serde(default)]
    pub usd: f64,
    /// From request to result, in milliseconds.
    pub latency_ms: u64,
    /// The model that answered.
    #[serde(default)]
    pub model_used: String,
    /// Escalations on the way.
    #[serde(default)]
    pub escalations: u32,
    /// Adapters in the order they were used.
    #[serde(default)]
    pub route_path: Vec<String>,
    /// Saved against the most expensive candidate, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub savings_pct: Option<f64>,
    /// Energy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_kwh: Option<f64>,
    /// Emissions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub co2e_grams: Option<f64>,
    /// The stored result of an earlier request with the same idempotency key; nothing was charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotent_replay: Option<bool>,
}

impl Telemetry {
    /// The figures of a cost, in all their spellings.
    #[must_use]
    pub fn of(cost: CostEst) -> Self {
        Self {
            tokens: cost.amount().tokens,
            in_tokens: cost.in_tokens,
            out_tokens: cost.out_tokens,
            usd_micros: cost.usd_micros,
            usd: cost.usd_micros as f64 / 1e6,
            ..Self::default()
        }
    }
}

/// A result that may be revised. The payload around it carries `expiry_ms` and `confidence`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provisional {
    /// The result so far.
    #[serde(flatten)]
    pub result: Final,
    /// From 1; replaces the one before.
    pub revision: u64,
    /// Compared with the one before.
    pub status: ProvisionalStatus,
    /// Adds to the one before instead of replacing it.
    #[serde(default)]
    pub incremental: bool,
}

impl Provisional {
    /// Lifetime of a provisional result by default, in milliseconds.
    pub const EXPIRY_MS: u64 = 15_000;

    pub(super) fn read(payload: &Payload<'_>) -> Result<Self, Fault> {
        if payload.confidence.is_none() || payload.expiry_ms.is_none() {
            return Err(bad(
                "a provisional result needs payload.confidence and payload.expiry_ms",
            ));
        }
        let provisional: Self = content(payload)?;
        match provisional.revision {
            0 => Err(bad("revision counts from 1")),
            _ => Ok(provisional),
        }
    }
}

/// A provisional result compared with the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ProvisionalStatus {
    /// The first.
    Provisional,
    /// Better.
    Upgraded,
    /// Worse: agreement was lost.
    Downgraded,
}
