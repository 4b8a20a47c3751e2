//! What happened on a lane.

use atp_actors::adapter::{self, LaneEvent, LaneFinal};
use atp_protocol::adapter::{AgentStatus, UsageSource};
use atp_protocol::finding::Finding;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// As [`LaneEvent`]. Bytes of the provider travel beside it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::remote) enum Event {
    Forward {
        out_tokens: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usage: Option<Metered>,
    },
    Partial(Partial),
    Log {
        level: String,
        text: String,
    },
    Question(Question),
    Status(AgentStatus),
    Congested,
    Final(Box<Final>),
}

#[derive(Serialize, Deserialize)]
pub(in crate::remote) struct Partial {
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confidence: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<Metered>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    out_tokens: Option<u32>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::remote) struct Question {
    question_id: String,
    text: String,
    #[serde(default)]
    options: Vec<String>,
    is_required: bool,
    timeout_ms: u64,
}

#[derive(Serialize, Deserialize)]
pub(in crate::remote) struct Final {
    /// The bytes beside it are the body, even if they are none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    has_body: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tool_calls: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confidence: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<Metered>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    out_tokens: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finish_reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::remote) struct Metered {
    in_tokens: u64,
    out_tokens: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usd_micros: Option<u64>,
    source: UsageSource,
}

impl Event {
    /// An event, and the bytes beside it.
    pub(in crate::remote) fn of(event: LaneEvent) -> (Self, Bytes) {
        let event = match event {
            LaneEvent::Forward {
                bytes,
                out_tokens,
                usage,
            } => {
                let usage = usage.map(Into::into);
                return (Self::Forward { out_tokens, usage }, bytes);
            }
            LaneEvent::Final(last) => return last_of(*last),
            LaneEvent::Partial(partial) => Self::Partial(Partial {
                text: partial.text,
                data: partial.data,
                confidence: partial.confidence,
                usage: partial.usage.map(Into::into),
                out_tokens: partial.out_tokens,
            }),
            LaneEvent::Log { level, text } => Self::Log { level, text },
            LaneEvent::Question(question) => Self::Question(Question {
                question_id: question.question_id,
                text: question.text,
                options: question.options,
                is_required: question.is_required,
                timeout_ms: question.timeout_ms,
            }),
            LaneEvent::Status(status) => Self::Status(status),
            LaneEvent::Congested => Self::Congested,
        };
        (event, Bytes::new())
    }

    /// Whether nothing follows it.
    pub(in crate::remote) const fn is_final(&self) -> bool {
        matches!(self, Self::Final(_))
    }

    /// What it says, with the bytes that came beside it.
    pub(in crate::remote) fn read(self, bytes: Bytes) -> LaneEvent {
        match self {
            Self::Forward { out_tokens, usage } => LaneEvent::Forward {
                bytes,
                out_tokens,
                usage: usage.map(Into::into),
            },
            Self::Partial(partial) => LaneEvent::Partial(adapter::Partial {
                text: partial.text,
                data: partial.data,
                confidence: partial.confidence,
                usage: partial.usage.map(Into::into),
                out_tokens: partial.out_tokens,
            }),
            Self::Log { level, text } => LaneEvent::Log { level, text },
            Self::Question(question) => LaneEvent::Question(adapter::Question {
                question_id: question.question_id,
                text: question.text,
                options: question.options,
                is_required: question.is_required,
                timeout_ms: question.timeout_ms,
            }),
            Self::Status(status) => LaneEvent::Status(status),
            Self::Congested => LaneEvent::Congested,
            Self::Final(last) => LaneEvent::Final(Box::new(LaneFinal {
                body: last.has_body.then_some(bytes),
                text: last.text,
                data: last.data,
                findings: last.findings,
                tool_calls: last.tool_calls,
                confidence: last.confidence,
                usage: last.usage.map(Into::into),
                out_tokens: last.out_tokens,
                model: last.model,
                finish_reason: last.finish_reason,
            })),
        }
    }
}

fn last_of(last: LaneFinal) -> (Event, Bytes) {
    let event = Event::Final(Box::new(Final {
        has_body: last.body.is_some(),
        text: last.text,
        data: last.data,
        findings: last.findings,
        tool_calls: last.tool_calls,
        confidence: last.confidence,
        usage: last.usage.map(Into::into),
        out_tokens: last.out_tokens,
        model: last.model,
        finish_reason: last.finish_reason,
    }));
    (event, last.body.unwrap_or_default())
}

impl From<adapter::Metered> for Metered {
    fn from(metered: adapter::Metered) -> Self {
        Self {
            in_tokens: metered.in_tokens,
            out_tokens: metered.out_tokens,
            usd_micros: metered.usd_micros,
            source: metered.source,
        }
    }
}

impl From<Metered> for adapter::Metered {
    fn from(metered: Metered) -> Self {
        Self {
            in_tokens: metered.in_tokens,
            out_tokens: metered.out_tokens,
            usd_micros: metered.usd_micros,
            source: metered.source,
        }
    }
}
