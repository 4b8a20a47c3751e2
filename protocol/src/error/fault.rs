//! An error on its way to a caller.

use std::borrow::Cow;

use super::Code;

/// How much an error ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The frame is discarded.
    Frame,
    /// The message is.
    Message,
    /// The lane ends.
    Lane,
    /// The stream ends.
    Stream,
    /// The session does.
    Session,
    /// The connection does.
    Connection,
}

impl Scope {
    /// The wire form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Message => "message",
            Self::Lane => "lane",
            Self::Stream => "stream",
            Self::Session => "session",
            Self::Connection => "connection",
        }
    }
}

/// An error a caller is told about: a code of the closed set and what is specific to this occurrence.
///
/// `detail` names the thing at fault and what to do next; it holds no secrets and no personal data, and is cut to 200
/// bytes on the wire.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Fault {
    /// Which error.
    pub code: Code,
    /// What it ends.
    pub scope: Scope,
    /// What is specific.
    pub detail: Cow<'static, str>,
    /// Overrides the code's default wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Overrides the code's default: a retry cannot or can help.
    pub retryable: Option<bool>,
}

impl Fault {
    /// An error that ends the stream, with the code's defaults.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            scope: Scope::Stream,
            detail: detail.into(),
            retry_after_ms: None,
            retryable: None,
        }
    }

    /// The same error with another scope.
    #[must_use]
    pub fn scoped(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// The same error, to be retried after `ms`.
    #[must_use]
    pub fn retry_after(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self.retryable = Some(true);
        self
    }

    /// The same error, not to be retried.
    #[must_use]
    pub fn terminal(mut self) -> Self {
        self.retryable = Some(false);
        self.retry_after_ms = None;
        self
    }
}
