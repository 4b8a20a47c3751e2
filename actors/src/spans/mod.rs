//! Spans of a request and of a connection (atp.md section 27.2), one function each.
//!
//! All have the target [`TARGET`], which only an exporter listens to: without one the macros find their callsite off and
//! evaluate nothing. Parents are named, never taken from what happens to be entered, because a request's work is spread
//! over tasks. Spans that come with every chunk, frame or acknowledgement are of level `TRACE`; the exporter keeps few of
//! them. They carry ids, which metrics may not, and never content.

mod macros;

pub(crate) mod connection;
pub(crate) mod request;

use tracing::Span;

/// The target of every span here.
pub const TARGET: &str = "atp_span";

/// Where a request's spans come from and where they go on (W3C trace context).
pub trait Traces: Send + Sync {
    /// Makes `span`, which was just made, a child of the remote span that `traceparent` names. One that cannot be read is
    /// ignored.
    fn adopt(&self, span: &Span, traceparent: &str);

    /// What tells a peer to go on below `span`; `None` when nobody listens.
    fn carry(&self, span: &Span) -> Option<String>;
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Untraced;

impl Traces for Untraced {
    fn adopt(&self, _: &Span, _: &str) {}

    fn carry(&self, _: &Span) -> Option<String> {
        None
    }
}

/// Numbers of spans are signed 64 bits; others would be told as text.
fn int(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
