//! What the router decides about a body it sends upstream.

/// The router's part of an upstream body; everything else is the client's.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The model to ask for, by the provider's name.
    pub model: &'a str,
    /// Put before the conversation as a system turn.
    pub system: Option<&'a str>,
    /// Whether to ask for a stream.
    pub is_stream: bool,
    /// Most output tokens paid for, of each choice; lowers a larger limit and stands in for a missing one.
    pub max_output_tokens: Option<u64>,
    /// Seed to sample by, unless the client names one.
    pub seed: Option<u64>,
    /// Whether a single choice is read, so that no others should be paid for.
    pub is_single: bool,
}
