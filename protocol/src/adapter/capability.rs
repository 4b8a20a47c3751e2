//! `adapter.capability`.

use serde::{Deserialize, Serialize};

use crate::ids::AdapterId;
use crate::request::Demand;
use crate::units::Tier;

/// How an adapter's chunks count usage (atp.md 22.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UsageMode {
    /// Each chunk carries the increment since the previous one.
    #[default]
    Delta,
    /// Each chunk carries the running total.
    Cumulative,
}

/// What an adapter can do. Re-sending replaces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capability {
    /// The endpoint.
    pub adapter_id: AdapterId,
    /// `openai`, `anthropic`, `grpc`, `agent`, `builtin` or the adapter's own word.
    pub adapter_type: String,
    /// Task types and skills it offers, matched by policy.
    pub capabilities: Vec<String>,
    /// Models behind it, by the name clients use.
    pub models: Vec<String>,
    /// Largest context in tokens, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Languages it handles; empty means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supported_languages: Vec<String>,
    /// Its own price, used when the operator's price table has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_token_micros: Option<f64>,
    /// Where its health can be polled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_endpoint: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Kept, not interpreted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<serde_json::Value>,
    /// Tiers it serves; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub qos: Vec<Tier>,
    /// Most concurrent calls it wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// Tools it can run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// Data-scope labels it may see; empty means none but unlabelled work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub safety_domains: Vec<String>,
    /// Personas it carries out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub personas: Vec<String>,
    /// How it counts usage.
    #[serde(default)]
    pub usage_mode: UsageMode,
    /// Whether it answers estimates.
    #[serde(default)]
    pub estimate: bool,
    /// What it cannot give; requests that demand it go to others. Empty means that no lack is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<Demand>,
}

impl Capability {
    /// Of an endpoint that says nothing more of itself.
    #[must_use]
    pub fn new(adapter_id: AdapterId, adapter_type: impl Into<String>) -> Self {
        Self {
            adapter_id,
            adapter_type: adapter_type.into(),
            capabilities: Vec::new(),
            models: Vec::new(),
            max_tokens: None,
            supported_languages: Vec::new(),
            cost_per_token_micros: None,
            health_endpoint: None,
            version: None,
            metadata: None,
            qos: Vec::new(),
            max_parallel: None,
            tools: Vec::new(),
            safety_domains: Vec::new(),
            personas: Vec::new(),
            usage_mode: UsageMode::default(),
            estimate: false,
            lacks: Vec::new(),
        }
    }
}
