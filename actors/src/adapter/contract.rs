//! The one trait behind which every adapter stands: provider over HTTP, dialled-in agent, gRPC service, built-in.
//!
//! Implementations live in `node`; an instance belongs to one arbiter and need not be `Send`.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use atp_protocol::adapter::{AgentStatus, Capability, Health, UsageSource};
use atp_protocol::error::Fault;
use atp_protocol::estimate::Estimate;
use atp_protocol::finding::Finding;
use atp_protocol::ids::LaneId;
use atp_protocol::request::AgentRequest;
use atp_protocol::units::Amount;
use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::LocalBoxFuture;

/// An endpoint that executes work.
pub trait Adapter {
    /// What it can do, as of now; changes when a dialled-in agent declares itself anew.
    fn capability(&self) -> Arc<Capability>;

    /// What a call would cost. The caller bounds the wait (500 ms) and falls back to its own estimate on an error.
    fn estimate(&self, call: &Call) -> LocalBoxFuture<'static, Result<Estimate, Fault>>;

    /// Starts a call. Resolves when the adapter has accepted it, before its first chunk where the transport can tell.
    ///
    /// Dropping the stream cancels the call upstream.
    fn stream(&self, call: Call) -> LocalBoxFuture<'static, Result<LaneStream, Fault>>;

    /// Its condition. The caller bounds the wait (1 s).
    fn health(&self) -> LocalBoxFuture<'static, Result<Health, Fault>>;
}

/// Builds an adapter's instance for the arbiter that calls it; clients, pools and sockets are per instance.
pub trait AdapterFactory: Send + Sync {
    /// A new instance, not yet connected.
    fn build(&self) -> Rc<dyn Adapter>;

    /// Another registration has taken the adapter's name; no more calls come.
    fn superseded(&self) {}
}

/// What a running call yields: any number of events, then exactly one [`LaneEvent::Final`], or an error that ends it.
///
/// Pulled: an implementation reads its upstream only when polled, so a reader that stops reading stops the upstream.
pub type LaneStream = Pin<Box<dyn Stream<Item = Result<LaneEvent, Fault>>>>;

/// One call: everything an adapter needs to know.
#[derive(Debug, Clone)]
pub struct Call {
    /// The request.
    pub request: Arc<AgentRequest>,
    /// Which lane of it.
    pub lane: LaneId,
    /// The model to ask for, by the adapter's own name.
    pub model: Arc<str>,
    /// Put before the conversation as a system turn: the persona's prompt.
    pub persona_prompt: Option<Arc<str>>,
    /// How the answer is wanted.
    pub form: Form,
    /// Time left in milliseconds.
    pub deadline_ms: u64,
    /// What the hold covers; an adapter may stop by itself when it is spent.
    pub budget: Amount,
    /// Most output tokens the hold pays for; sent upstream when the request names no limit or a larger one.
    pub max_output_tokens: Option<u64>,
    /// Of this call alone: an upstream that knows idempotency does the work once when the same call reaches it twice, and
    /// another lane's or a further attempt is other work.
    pub idempotency_key: Arc<str>,
    /// W3C `traceparent` to go on below: of this call's span, else the client's own.
    pub traceparent: Option<Arc<str>>,
    /// Varies clones of one persona.
    pub diversity_seed: Option<u64>,
}

impl Call {
    /// To be read, with all the time of `request` and nothing held for it.
    #[must_use]
    pub fn new(request: Arc<AgentRequest>, model: Arc<str>) -> Self {
        Self {
            lane: LaneId::default(),
            model,
            persona_prompt: None,
            form: Form::Read,
            deadline_ms: request.deadline_ms,
            budget: Amount::ZERO,
            max_output_tokens: None,
            idempotency_key: request.id.as_str().into(),
            traceparent: request.meta.traceparent.as_deref().map(Into::into),
            diversity_seed: None,
            request,
        }
    }
}

/// How an answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The provider's own bytes, because the client speaks its protocol and there is one lane.
    Forward,
    /// Text and data, to be compared, merged or spoken in another protocol.
    Read,
}

/// What happened on a lane.
#[derive(Debug)]
pub enum LaneEvent {
    /// Bytes of the provider's stream as received ([`Form::Forward`], streaming).
    Forward {
        /// To be sent on unchanged, boundaries included.
        bytes: Bytes,
        /// Output tokens this chunk is thought to hold: 1 per content delta unless the adapter knows better.
        out_tokens: u32,
        /// The provider's own count, once it has said.
        usage: Option<Metered>,
    },
    /// The next piece of the answer ([`Form::Read`]).
    Partial(Partial),
    /// A line for the operator or client, not part of the result.
    Log {
        /// `debug`, `info`, `warn` or `error`.
        level: String,
        /// The line.
        text: String,
    },
    /// The adapter asks something back.
    Question(Question),
    /// The adapter's readiness changed.
    Status(AgentStatus),
    /// What comes next came with a mark of congestion, which the client's next frame carries on.
    Congested,
    /// The call is over.
    Final(Box<LaneFinal>),
}

/// A piece of an answer.
#[derive(Debug, Clone, Default)]
pub struct Partial {
    /// Text since the previous piece.
    pub text: String,
    /// Structured data beside or instead of text.
    pub data: Option<serde_json::Value>,
    /// The adapter's confidence so far, 0 to 1.
    pub confidence: Option<f64>,
    /// Running total, when the adapter reports as it goes.
    pub usage: Option<Metered>,
    /// Tokens in `text`, if the adapter knows.
    pub out_tokens: Option<u32>,
}

/// A question of an adapter (atp.md 7.2 `agent.question`).
#[derive(Debug, Clone)]
pub struct Question {
    /// Names the question.
    pub question_id: String,
    /// The question.
    pub text: String,
    /// Answers to choose from.
    pub options: Vec<String>,
    /// Whether the lane fails without an answer.
    pub is_required: bool,
    /// How long the adapter waits, in milliseconds.
    pub timeout_ms: u64,
}

/// The end of a call.
#[derive(Debug, Clone, Default)]
pub struct LaneFinal {
    /// The whole body as received ([`Form::Forward`], not streaming). `None` after forwarded chunks.
    pub body: Option<Bytes>,
    /// Text not yet sent as partials; the whole answer when there were none.
    pub text: Option<String>,
    /// Structured result.
    pub data: Option<serde_json::Value>,
    /// Findings of a reviewing adapter.
    pub findings: Vec<Finding>,
    /// Tool calls in the OpenAI shape, a JSON array.
    pub tool_calls: Option<serde_json::Value>,
    /// Confidence in the whole, 0 to 1.
    pub confidence: Option<f64>,
    /// What was used; `None` when the provider did not say, and the router's own count stands.
    pub usage: Option<Metered>,
    /// Output tokens of what comes with this event, as far as the adapter can tell; counts where `usage` is `None`. `None`
    /// leaves the count to the length of `text` and `tool_calls`.
    pub out_tokens: Option<u32>,
    /// The model that answered.
    pub model: Option<String>,
    /// Why it ended, in the OpenAI words: `stop`, `length`, `tool_calls`, `content_filter`.
    pub finish_reason: Option<String>,
}

/// Usage as an adapter counts it: running totals of the call. Money is left to the operator's price table unless stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metered {
    /// Input tokens.
    pub in_tokens: u64,
    /// Output tokens.
    pub out_tokens: u64,
    /// Cost in micro-dollars, when the adapter is the one who bills.
    pub usd_micros: Option<u64>,
    /// How the figures were obtained.
    pub source: UsageSource,
}
