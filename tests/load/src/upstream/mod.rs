//! A mock provider: OpenAI and Anthropic surfaces, deterministic usage, paced streams, misbehaviour on request.
//!
//! It costs little (one thread, hyper's HTTP/1.1 server) and keeps books ([`stats`]), so that a test can compare a
//! ledger with what was really billed. What it does with a request is in the request: see [`Marker`] and [`Fault`].
//! A content token of a stream carries the time at which it was sent, as `@<nanoseconds> ` ([`crate::clock`]).
//!
//! Bounds: a request body above 16 MiB is answered 413; connections are bounded by the descriptor limit only.

mod anthropic;
mod embeddings;
mod openai;
mod request;
mod script;
mod server;
mod service;
pub mod stats;
mod stream;
mod surface;
#[cfg(test)]
mod tests;

pub use script::{Fault, Marker};
pub use server::{Upstream, listen, serve, start};

/// How the upstream answers where a request does not say otherwise.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Port on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Wait before each answer, in microseconds; the timer rounds up to a millisecond
    #[arg(long, default_value_t = 0)]
    pub delay_us: u64,
    /// Completion tokens of a request without `max_tokens`
    #[arg(long, default_value_t = 32)]
    pub tokens: u64,
    /// Time between two tokens of a stream, in milliseconds; 0 sends them at once
    #[arg(long, default_value_t = 0)]
    pub interval_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            delay_us: 0,
            tokens: 32,
            interval_ms: 0,
        }
    }
}
