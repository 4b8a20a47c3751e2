//! `control.estimate_request` and `control.estimate` (atp.md 7.3 and 17.1).

use serde::Deserialize;

use super::Payload;
use super::money::micros;
use super::read::{bad, content};
use super::request::Request;
use crate::error::Fault;
use crate::estimate::{Estimate, Variance};
use crate::request::Content;
use crate::value::{Object, Value};

/// How long an agent has to answer by default, in milliseconds.
const DEADLINE_MS_DEFAULT: u64 = 500;

/// What would a call cost?
#[derive(Debug, Clone)]
pub struct EstimateRequest {
    /// Ties the answer to the question.
    pub request_id: String,
    /// The call.
    pub content: Request,
    /// How long the answer is waited for, in milliseconds.
    pub deadline_ms: u64,
}

#[derive(Deserialize)]
struct WireRequest {
    request_id: String,
    deadline_ms: Option<u64>,
}

impl EstimateRequest {
    pub(super) fn read(payload: &Payload<'_>) -> Result<Self, Fault> {
        let wire: WireRequest = content(payload)?;
        let request = payload
            .content
            .as_ref()
            .and_then(Value::as_object)
            .and_then(|object| object.present("content"));
        Ok(Self {
            request_id: wire.request_id,
            content: Request::read(request.ok_or_else(|| bad("content is required, but absent"))?)?,
            deadline_ms: wire.deadline_ms.unwrap_or(DEADLINE_MS_DEFAULT),
        })
    }

    /// The content of a question, ready to send.
    #[must_use]
    pub fn ask(request_id: &str, content: &Content, deadline_ms: u64) -> Value<'static> {
        let members: Object<'_> = [
            ("request_id", Value::from(request_id.to_owned())),
            ("content", Value::of(content)),
            ("deadline_ms", deadline_ms.into()),
        ]
        .into_iter()
        .collect();
        Value::Object(members)
    }
}

/// It would cost this.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "WireReply")]
pub struct EstimateReply {
    /// The question it answers.
    pub request_id: String,
    /// The figures; a negative one makes the whole content `EBAD_INPUT`, and the router falls back to its own.
    pub estimate: Estimate,
}

#[derive(Deserialize)]
struct WireReply {
    request_id: String,
    #[serde(alias = "tokens_in")]
    in_tokens: u64,
    #[serde(alias = "tokens_out")]
    out_tokens: u64,
    usd_micros: Option<u64>,
    usd: Option<f64>,
    p95_tokens: Option<u64>,
    p95_usd_micros: Option<u64>,
    variance: Option<Variance>,
    confidence: Option<f64>,
    tool_cost_breakdown: Option<ToolCosts>,
    #[serde(default)]
    assumptions: Vec<String>,
}

/// Cost of tools, item by item or as a sum.
#[derive(Deserialize)]
#[serde(untagged)]
enum ToolCosts {
    Items(Vec<ToolCost>),
    Sum { total_tool_cost_usd_micros: u64 },
}

#[derive(Deserialize)]
struct ToolCost {
    usd_micros: u64,
}

impl ToolCosts {
    fn usd_micros(&self) -> u64 {
        match self {
            Self::Items(items) => items
                .iter()
                .fold(0, |sum, item| sum.saturating_add(item.usd_micros)),
            Self::Sum {
                total_tool_cost_usd_micros,
            } => *total_tool_cost_usd_micros,
        }
    }
}

impl TryFrom<WireReply> for EstimateReply {
    type Error = String;
    fn try_from(wire: WireReply) -> Result<Self, String> {
        let is_ratio = |confidence: f64| (0.0..=1.0).contains(&confidence);
        if !wire.confidence.is_none_or(is_ratio) {
            return Err("confidence must be from 0 to 1".to_owned());
        }
        if wire
            .variance
            .is_some_and(|variance| variance.tokens < 0.0 || variance.usd < 0.0)
        {
            return Err("variance must not be negative".to_owned());
        }
        Ok(Self {
            request_id: wire.request_id,
            estimate: Estimate {
                in_tokens: wire.in_tokens,
                out_tokens: wire.out_tokens,
                usd_micros: micros(wire.usd_micros, wire.usd)?.ok_or("usd_micros is required, but absent")?,
                p95_tokens: wire.p95_tokens,
                p95_usd_micros: wire.p95_usd_micros,
                variance: wire.variance,
                confidence: wire.confidence,
                tools_usd_micros: wire.tool_cost_breakdown.map_or(0, |costs| costs.usd_micros()),
                assumptions: wire.assumptions,
            },
        })
    }
}
