//! What a session tells whoever reads a stream of it. `Send`: the reader may sit on another arbiter.

use std::borrow::Cow;
use std::sync::Arc;

use atp_protocol::adapter::UsageSource;
use atp_protocol::error::Fault;
use atp_protocol::finding::Finding;
use atp_protocol::ids::{LaneId, RequestId};
use atp_protocol::payload::ProvisionalStatus;
use atp_protocol::resume::Place;
use atp_protocol::units::Amount;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

use super::SessionFlow;

/// Events in flight between a session and its reader. A reader that stops reading fills it, the session stops polling its
/// lanes, and adapters stop being read.
pub const OUTPUT_MAX: usize = 8;

/// A stream that was admitted: what decided it, and its events.
pub struct Opened {
    /// What decided it.
    pub facts: Facts,
    /// What comes of it; ends after [`Output::Final`] or [`Output::Failed`]. A channel that ends without either lost its
    /// session to a defect.
    pub events: mpsc::Receiver<Output>,
    /// Whether it runs for this request.
    pub repeat: Repeat,
}

/// How a request stands to others under its idempotency key (atp.md 13.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repeat {
    /// It is the first, or has no key.
    First,
    /// The first runs there, and this one is told what that is told.
    Attached(Place),
    /// The first has ended, and this one is told its end again, without a charge.
    Replayed,
}

/// Said in the reply's headers.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The request.
    pub request: RequestId,
    /// Policy version that matched.
    pub policy_version: u64,
    /// One line: policy, strategy, chosen candidate, why.
    pub route_reason: Arc<str>,
    /// What is held; zero where nothing is accounted for.
    pub hold: Amount,
    /// The window of its session, where others may share it.
    pub flow: Option<Arc<SessionFlow>>,
}

/// What happens on a stream. Small, as each open stream has room for several: what comes seldom is boxed.
#[derive(Debug, Clone)]
pub enum Output {
    /// The provider's own bytes, for a client of the same protocol.
    Forward(Bytes),
    /// The next piece of the merged answer.
    Text(String),
    /// The text so far is void; what follows replaces it (the leading lane failed).
    Restart,
    /// A piece of one lane, for clients that want lanes.
    Lane {
        /// Which lane.
        lane: Box<LaneId>,
        /// Text of it.
        text: String,
    },
    /// Something the client may want to know (`agent.event`).
    Event {
        /// Its name: `plan`, `escalate`, `lane_failed`, …
        name: &'static str,
        /// What about it.
        data: Box<Value>,
    },
    /// A line of an adapter's log.
    Log {
        /// `debug`, `info`, `warn` or `error`.
        level: Box<str>,
        /// The line.
        text: Box<str>,
    },
    /// What comes next came with a mark of congestion: the frame that carries it on is marked too.
    Congested,
    /// An answer that may still be revised.
    Provisional {
        /// The answer as it stands.
        answer: Box<Answer>,
        /// From 1.
        revision: u32,
        /// How it follows the one before.
        status: ProvisionalStatus,
        /// Made from lanes that have not ended.
        is_incremental: bool,
        /// How long it holds, in milliseconds.
        expiry_ms: u64,
    },
    /// The answer.
    Final(Box<Answer>),
    /// No answer.
    Failed(Box<Unanswered>),
}

/// What there is instead of an answer.
#[derive(Debug, Clone)]
pub struct Unanswered {
    /// Why.
    pub fault: Fault,
    /// Text that was produced, where policy lets it out.
    pub partial: Option<String>,
    /// What was spent all the same.
    pub telemetry: Telemetry,
}

impl Unanswered {
    /// Nothing but `fault`.
    #[must_use]
    pub fn of(fault: Fault) -> Self {
        Self {
            fault,
            partial: None,
            telemetry: Telemetry::default(),
        }
    }
}

/// The result of a request. Also a disk format ([`super::repeat`]): members are added with a default, and never change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The provider's whole body, when it is to be forwarded.
    #[serde(with = "super::repeat::kept::text")]
    pub body: Option<Bytes>,
    /// Everything went out as [`Output::Forward`], its end included.
    pub is_forwarded: bool,
    /// The whole text, what went out as [`Output::Text`] included.
    pub text: Option<String>,
    /// The part of `text` that did not go out as [`Output::Text`].
    pub unsent: Option<String>,
    /// Structured result.
    pub data: Option<Value>,
    /// Findings, merged.
    pub findings: Vec<Finding>,
    /// Texts of several lanes, by weight.
    pub parts: Option<Value>,
    /// Tool calls in the OpenAI shape.
    pub tool_calls: Option<Value>,
    /// How lanes were made one; `None` for a single lane.
    pub consensus: Option<Consensus>,
    /// Confidence in the whole.
    pub confidence: Option<f64>,
    /// `stop`, `length`, `tool_calls`, `content_filter`.
    pub finish_reason: Option<String>,
    /// Some lanes failed.
    pub partial_failure: bool,
    /// The answer is what there was when the stream had to end early.
    #[serde(with = "super::repeat::kept::fault")]
    pub aborted: Option<Fault>,
    /// Figures.
    pub telemetry: Telemetry,
}

impl Answer {
    /// Bytes it takes up, roughly.
    pub(super) fn size(&self) -> usize {
        let json = |value: &Option<Value>| value.as_ref().map_or(0, |value| value.to_string().len());
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let findings = serde_json::to_string(&self.findings).map_or(0, |text| text.len());
        self.body.as_ref().map_or(0, Bytes::len)
            + text(&self.text)
            + text(&self.unsent)
            + json(&self.data)
            + json(&self.parts)
            + json(&self.tool_calls)
            + findings
    }
}

/// How lanes were made one (atp.md 7.2 `agent.result.final`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Consensus {
    /// The strategy.
    pub strategy: Cow<'static, str>,
    /// Agreement of the lanes; `None` for fewer than two.
    pub agreement: Option<f64>,
    /// How it was measured: `lexical` where there are no embeddings.
    pub mode: Cow<'static, str>,
    /// What is not certain.
    pub uncertainties: Vec<String>,
    /// Lanes that contributed.
    pub lanes_used: u32,
    /// Lanes that failed.
    pub lanes_failed: u32,
}

/// What a request took. A disk format as [`Answer`] is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    /// Input tokens, all lanes.
    pub in_tokens: u64,
    /// Output tokens, all lanes.
    pub out_tokens: u64,
    /// Micro-dollars, all lanes.
    pub usd_micros: u64,
    /// How the figures are known: the worst of all lanes.
    pub source: Option<UsageSource>,
    /// From acceptance to the end, in milliseconds.
    pub latency_ms: u64,
    /// The model that answered.
    pub model_used: Option<String>,
    /// Candidates that were asked, in order.
    pub route_path: Vec<String>,
    /// Escalations.
    pub escalations: u32,
    /// The figures of an earlier request under the same idempotency key; nothing was charged for this one.
    pub is_replay: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_open_stream_has_room_for_is_small() {
        assert!(size_of::<Output>() <= 40, "{}", size_of::<Output>());
    }
}
