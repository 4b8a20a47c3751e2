//! What a node keeps for clients that come back: `[resume]` and `[idempotency]`.

use serde::Deserialize;

/// `[resume]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResumeConfig {
    /// How long a stream is kept for who comes back, and a token is good, in milliseconds.
    pub ttl_ms: u64,
    /// Bytes kept of one stream.
    pub buffer_bytes: usize,
    /// Streams kept, ended ones included.
    pub max_streams: usize,
    /// Bytes kept of all streams.
    pub max_bytes: usize,
}

impl Default for ResumeConfig {
    fn default() -> Self {
        Self {
            ttl_ms: 300_000,
            buffer_bytes: 4 << 20,
            max_streams: 4_096,
            max_bytes: 256 << 20,
        }
    }
}

/// `[idempotency]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdempotencyConfig {
    /// How long a request is remembered by its key, in milliseconds.
    pub ttl_ms: u64,
    /// Keys remembered.
    pub max_keys: usize,
    /// Bytes of answers kept.
    pub max_bytes: usize,
}

impl Default for IdempotencyConfig {
    fn default() -> Self {
        Self {
            ttl_ms: 86_400_000,
            max_keys: 65_536,
            max_bytes: 64 << 20,
        }
    }
}
