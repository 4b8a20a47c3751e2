//! `agent.result.final` as agents send it (atp.md 7.2).

use serde::{Deserialize, Serialize};

use super::Payload;
use super::money::micros;
use super::read::content;
use crate::error::Fault;
use crate::finding::Finding;
use crate::value::Value;

/// What an agent says it used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "WireUsage")]
pub struct UsageReport {
    /// Input tokens.
    pub in_tokens: u64,
    /// Output tokens.
    pub out_tokens: u64,
    /// Micro-dollars; `None` leaves the pricing to the router.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_micros: Option<u64>,
}

#[derive(Deserialize)]
struct WireUsage {
    in_tokens: u64,
    out_tokens: u64,
    usd_micros: Option<u64>,
    usd: Option<f64>,
}

impl TryFrom<WireUsage> for UsageReport {
    type Error = String;
    fn try_from(wire: WireUsage) -> Result<Self, String> {
        Ok(Self {
            in_tokens: wire.in_tokens,
            out_tokens: wire.out_tokens,
            usd_micros: micros(wire.usd_micros, wire.usd)?,
        })
    }
}

/// A lane's result, agent to router. Any of text, data and findings may be absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AgentFinal {
    /// The whole text.
    pub text: Option<String>,
    /// Anything but text.
    pub data: Option<serde_json::Value>,
    /// Findings that are well-formed.
    pub findings: Vec<Finding>,
    /// Why the others are not: they take no part in scoring and are reported as uncertainties.
    pub invalid_findings: Vec<String>,
    /// What the lane used; `None` leaves it to the router's own count.
    pub usage: Option<UsageReport>,
    /// The model that answered.
    pub model: Option<String>,
    /// Why it ended, in the OpenAI words.
    pub finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct WireFinal {
    text: Option<String>,
    data: Option<serde_json::Value>,
    #[serde(default)]
    findings: Vec<serde_json::Value>,
    usage: Option<UsageReport>,
    model: Option<String>,
    finish_reason: Option<String>,
}

impl AgentFinal {
    pub(super) fn read(payload: &Payload<'_>) -> Result<Self, Fault> {
        if let Some(text) = payload.content.as_ref().and_then(Value::as_text) {
            return Ok(Self {
                text: Some(text.to_owned()),
                ..Self::default()
            });
        }
        let wire: WireFinal = content(payload)?;
        let (mut findings, mut invalid_findings) = (Vec::new(), Vec::new());
        for (at, json) in wire.findings.into_iter().enumerate() {
            match finding(json) {
                Ok(finding) => findings.push(finding),
                Err(why) => invalid_findings.push(format!("finding {at}: {why}")),
            }
        }
        Ok(Self {
            text: wire.text,
            data: wire.data,
            findings,
            invalid_findings,
            usage: wire.usage,
            model: wire.model,
            finish_reason: wire.finish_reason,
        })
    }
}

/// One finding, `critical` taken for the highest severity with its mark.
fn finding(mut json: serde_json::Value) -> Result<Finding, String> {
    if json["severity"] == "critical" {
        json["severity"] = "high".into();
        json["critical"] = true.into();
    }
    let finding: Finding = serde_json::from_value(json).map_err(|error| error.to_string())?;
    let is_id = |id: &str| {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        id.strip_prefix("F-")
            .is_some_and(|rest| (1..=64).contains(&rest.len()) && rest.bytes().all(is_word))
    };
    if !is_id(&finding.id) {
        return Err("id must be F- and up to 64 letters, digits, _ and -".to_owned());
    }
    if !(1..=2_000).contains(&finding.claim.chars().count()) {
        return Err("claim must have 1 to 2000 characters".to_owned());
    }
    if !(0.0..=1.0).contains(&finding.confidence) {
        return Err("confidence must be from 0 to 1".to_owned());
    }
    Ok(finding)
}
