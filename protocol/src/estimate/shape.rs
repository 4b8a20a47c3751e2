//! `control.estimate` (atp.md 17.1).

use serde::{Deserialize, Serialize};

/// Spread of an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Variance {
    /// In tokens squared.
    pub tokens: f64,
    /// In dollars squared.
    pub usd: f64,
}

/// Expected cost of a call: means, and what is known of the spread.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Estimate {
    /// Mean input tokens.
    pub in_tokens: u64,
    /// Mean output tokens.
    pub out_tokens: u64,
    /// Mean cost in micro-dollars.
    pub usd_micros: u64,
    /// 95th percentile of input and output tokens together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_tokens: Option<u64>,
    /// 95th percentile of the cost in micro-dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_usd_micros: Option<u64>,
    /// Variance, if the adapter gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variance: Option<Variance>,
    /// Confidence in the estimate, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Cost of tools beside the model, in micro-dollars.
    #[serde(default)]
    pub tools_usd_micros: u64,
    /// What was assumed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<String>,
}
