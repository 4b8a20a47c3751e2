//! What happened on a lane. The forms are of this version; the types they are read into are the node's own.

use atp_actors::adapter::{LaneEvent, LaneFinal, Metered, Partial, Question};
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
        #[serde(default, skip_serializing_if = "Option::is_none", with = "metered")]
        usage: Option<Metered>,
    },
    Partial(#[serde(with = "PartialForm")] Partial),
    Log {
        level: String,
        text: String,
    },
    Question(#[serde(with = "QuestionForm")] Question),
    Status(AgentStatus),
    Congested,
    Final(Box<FinalForm>),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Partial")]
struct PartialForm {
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confidence: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "metered")]
    usage: Option<Metered>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    out_tokens: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Question")]
struct QuestionForm {
    question_id: String,
    text: String,
    #[serde(default)]
    options: Vec<String>,
    is_required: bool,
    timeout_ms: u64,
}

#[derive(Serialize, Deserialize)]
pub(in crate::remote) struct FinalForm {
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
    #[serde(default, skip_serializing_if = "Option::is_none", with = "metered")]
    usage: Option<Metered>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    out_tokens: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finish_reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Metered")]
struct MeteredForm {
    in_tokens: u64,
    out_tokens: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usd_micros: Option<u64>,
    source: UsageSource,
}

/// [`MeteredForm`] where there may be none.
mod metered {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Metered, MeteredForm};

    #[derive(Serialize, Deserialize)]
    struct Known(#[serde(with = "MeteredForm")] Metered);

    pub(super) fn serialize<S: Serializer>(usage: &Option<Metered>, to: S) -> Result<S::Ok, S::Error> {
        usage.map(Known).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Metered>, D::Error> {
        Ok(Option::<Known>::deserialize(from)?.map(|Known(usage)| usage))
    }
}

impl Event {
    /// An event, and the bytes beside it.
    pub(in crate::remote) fn of(event: LaneEvent) -> (Self, Bytes) {
        let event = match event {
            LaneEvent::Forward {
                bytes,
                out_tokens,
                usage,
            } => return (Self::Forward { out_tokens, usage }, bytes),
            LaneEvent::Final(last) => return last_of(*last),
            LaneEvent::Partial(partial) => Self::Partial(partial),
            LaneEvent::Log { level, text } => Self::Log { level, text },
            LaneEvent::Question(question) => Self::Question(question),
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
                usage,
            },
            Self::Partial(partial) => LaneEvent::Partial(partial),
            Self::Log { level, text } => LaneEvent::Log { level, text },
            Self::Question(question) => LaneEvent::Question(question),
            Self::Status(status) => LaneEvent::Status(status),
            Self::Congested => LaneEvent::Congested,
            Self::Final(last) => LaneEvent::Final(Box::new(LaneFinal {
                body: last.has_body.then_some(bytes),
                text: last.text,
                data: last.data,
                findings: last.findings,
                tool_calls: last.tool_calls,
                confidence: last.confidence,
                usage: last.usage,
                out_tokens: last.out_tokens,
                model: last.model,
                finish_reason: last.finish_reason,
            })),
        }
    }
}

fn last_of(last: LaneFinal) -> (Event, Bytes) {
    let event = Event::Final(Box::new(FinalForm {
        has_body: last.body.is_some(),
        text: last.text,
        data: last.data,
        findings: last.findings,
        tool_calls: last.tool_calls,
        confidence: last.confidence,
        usage: last.usage,
        out_tokens: last.out_tokens,
        model: last.model,
        finish_reason: last.finish_reason,
    }));
    (event, last.body.unwrap_or_default())
}
