//! What a client's body says.

use std::sync::Arc;

use atp_protocol::request::{Content, NativeBody};

/// A client's body, read as far as routing needs.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The work in the canonical shape.
    pub content: Arc<Content>,
    /// The body as received.
    pub native: NativeBody,
    /// Whether the client wants chunks as they come.
    pub wants_stream: bool,
    /// Whether an OpenAI client asked for a chunk with usage at the end of its stream.
    pub wants_usage: bool,
    /// Answers wanted to the same question, `n` in OpenAI's words: output costs as many times as much. At least 1.
    pub choices: u64,
    /// Most the request may cost, if the client said so (`cost_limit`, in dollars).
    pub max_cost_usd_micros: Option<u64>,
    /// Provider the client would like best (`provider_preference`).
    pub provider_preference: Option<String>,
}
