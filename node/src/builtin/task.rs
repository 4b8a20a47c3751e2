//! What a built-in does, apart from being an adapter.

use std::sync::Arc;

use atp_protocol::adapter::Capability;
use atp_protocol::error::Fault;
use atp_protocol::finding::Finding;
use atp_protocol::request::Content;

/// A pure function of a request. The same brief gives the same answer, byte for byte, on every node.
pub trait Task: Send + Sync + 'static {
    /// What it declares.
    fn capability(&self) -> Capability;

    /// Does the work.
    ///
    /// # Errors
    /// `ECONTEXT` for more text than it takes, `EBAD_INPUT` when there is nothing to work on.
    fn run(&self, brief: &Brief) -> Result<Answer, Fault>;
}

/// What a task works from.
#[derive(Debug, Clone)]
pub struct Brief {
    /// The conversation.
    pub content: Arc<Content>,
    /// Most tokens the answer may have; `None` when neither client nor hold sets a limit.
    pub max_tokens: Option<u64>,
}

/// What a task says.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The answer's text in the pieces it is streamed in; joined without anything between.
    pub pieces: Vec<String>,
    /// The same as data.
    pub data: Option<serde_json::Value>,
    /// Defects found.
    pub findings: Vec<Finding>,
    /// Confidence in the whole, 0 to 1.
    pub confidence: f64,
    /// Whether `max_tokens` cut it short.
    pub is_cut: bool,
}

/// Tokens of a text: its bytes divided by four, rounded up.
#[must_use]
pub(super) const fn tokens(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}
