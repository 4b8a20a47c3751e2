//! What agents tell and ask the client while they work: questions, logs, events (atp.md 7.2).

use serde::{Deserialize, Serialize};

/// An agent asks the client. The answer is an `agent.request` with `in_reply_to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Names the question within its stream.
    pub question_id: String,
    /// What is asked.
    pub text: String,
    /// Answers to choose from; empty leaves it free.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Unanswered in time, a required question fails the lane.
    #[serde(default)]
    pub required: bool,
    /// How long to wait, in milliseconds.
    #[serde(default = "question_timeout_ms")]
    pub timeout_ms: u64,
}

const fn question_timeout_ms() -> u64 {
    60_000
}

/// What a lane is told when its optional question got no answer: `{"answer":null}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Answer {
    /// The answer; `None` if there was none.
    pub answer: Option<String>,
}

/// A note that is not part of the result and the first thing dropped under pressure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// How grave.
    pub level: LogLevel,
    /// The note.
    pub text: String,
    /// Structure beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<serde_json::Value>,
}

/// How grave a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For whoever looks for a fault.
    Debug,
    /// Worth knowing.
    Info,
    /// Handled, but not as wished.
    Warn,
    /// Failed.
    Error,
}

/// Something happened to the request. Events are an open set: `plan`, `challenger_selected`, `escalate`, `model_switch`,
/// `lane_failed`, `preempted`, `rejection`, `speculation_attempted`, `speculation_accepted`, `speculation_rejected`,
/// `early_termination`, `latency_saved`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub event: String,
    /// The model it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Why; of a `rejection` a [`RejectionReason`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Structure beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
    /// When, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<u64>,
}

/// Why a request was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectionReason {
    /// A value is not acceptable.
    InputValidation,
    /// A nonce was seen before.
    ReplayDetected,
    /// Policy forbids it.
    PolicyViolation,
    /// A window, budget or queue is full.
    ResourceExhausted,
    /// The credential or signature is not valid.
    AuthenticationFailed,
    /// Too many requests.
    RateLimitExceeded,
    /// Well-formed, but not what the schema says.
    SchemaMismatch,
    /// Not well-formed.
    MalformedRequest,
}
