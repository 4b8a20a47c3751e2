//! `tool.request` and `tool.result` (atp.md 7.4).

use serde::{Deserialize, Serialize};

use super::money::micros;
use super::read::within;

const TIMEOUT_MS: (u64, u64) = (1_000, 300_000);
const TIMEOUT_MS_DEFAULT: u64 = 30_000;

/// A tool is to be called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "WireRequest")]
pub struct ToolRequest {
    /// Which; checked against `meta.tool_permissions`.
    pub tool: String,
    /// With what.
    pub args: serde_json::Map<String, serde_json::Value>,
    /// Ties the result to the call; lane and `msg_seq` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// Most it may cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_usd_micros: Option<u64>,
    /// How long it may take, 1 000 to 300 000 ms.
    pub timeout_ms: u64,
}

#[derive(Deserialize)]
struct WireRequest {
    tool: String,
    args: serde_json::Map<String, serde_json::Value>,
    call_id: Option<String>,
    budget_usd_micros: Option<u64>,
    budget_usd: Option<f64>,
    timeout_ms: Option<u64>,
}

impl TryFrom<WireRequest> for ToolRequest {
    type Error = String;
    fn try_from(wire: WireRequest) -> Result<Self, String> {
        let timeout_ms = wire.timeout_ms.unwrap_or(TIMEOUT_MS_DEFAULT);
        Ok(Self {
            tool: wire.tool,
            args: wire.args,
            call_id: wire.call_id,
            budget_usd_micros: micros(wire.budget_usd_micros, wire.budget_usd)?,
            timeout_ms: within("timeout_ms", timeout_ms, TIMEOUT_MS.0, TIMEOUT_MS.1)?,
        })
    }
}

/// What the tool answered.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "WireResult")]
pub struct ToolResult {
    /// Whether it worked.
    pub ok: bool,
    /// What came out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
    /// Why it did not work: a wire code or the tool's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd_micros: Option<u64>,
    /// The call it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
}

#[derive(Deserialize)]
struct WireResult {
    ok: bool,
    data: Option<serde_json::Value>,
    error: Option<String>,
    cost_usd_micros: Option<u64>,
    cost_usd: Option<f64>,
    call_id: Option<String>,
}

impl TryFrom<WireResult> for ToolResult {
    type Error = String;
    fn try_from(wire: WireResult) -> Result<Self, String> {
        Ok(Self {
            ok: wire.ok,
            data: wire.data,
            error: wire.error,
            cost_usd_micros: micros(wire.cost_usd_micros, wire.cost_usd)?,
            call_id: wire.call_id,
        })
    }
}
