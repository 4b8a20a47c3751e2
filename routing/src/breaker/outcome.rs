//! What counts against an endpoint, and what is said when it is left alone.

use std::fmt;

use atp_protocol::error::{Code, Fault};
use atp_protocol::units::Millis;
use serde::Serialize;

/// A failure that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// No connection.
    Connect,
    /// No answer in time.
    Timeout,
    /// The endpoint answered with an error of its own, as HTTP 5xx.
    Server,
    /// The answer broke off.
    StreamBroken,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect error",
            Self::Timeout => "timeout",
            Self::Server => "server error",
            Self::StreamBroken => "stream broken",
        })
    }
}

/// How a call ended, as far as the endpoint's health goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered.
    Success,
    /// It failed.
    Failure(Cause),
    /// Says nothing: the client cancelled, the request was at fault, or the endpoint asked to wait.
    Neutral,
}

impl Outcome {
    /// The outcome of a call that ended with an error.
    #[must_use]
    pub const fn of(code: Code) -> Self {
        match code {
            Code::AgentDown => Self::Failure(Cause::Connect),
            Code::Timeout => Self::Failure(Cause::Timeout),
            Code::Adapter => Self::Failure(Cause::Server),
            Code::Proto
            | Code::BadInput
            | Code::Unsupported
            | Code::TooBig
            | Code::Context
            | Code::Auth
            | Code::Replay
            | Code::Sec
            | Code::Policy
            | Code::Rate
            | Code::Window
            | Code::WindowAgent
            | Code::Draining
            | Code::Budget
            | Code::SeqRetry
            | Code::Circuit
            | Code::Fatal
            | Code::NoRoute
            | Code::NotFound
            | Code::Consensus
            | Code::Preempt
            | Code::Cancel
            | Code::Ttl
            | Code::Resume
            | Code::Idem
            | Code::Moved
            | Code::Config
            | Code::Internal => Self::Neutral,
        }
    }
}

/// Why a breaker opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Trip {
    /// When.
    pub at: Millis,
    /// The last failure.
    pub cause: Cause,
    /// Failures counted, the last one included. A failed probe is one.
    pub failures: u32,
    /// Whether it was a probe that failed.
    pub was_probe: bool,
    /// From then on, how long until a probe is admitted, in milliseconds.
    pub reset_timeout_ms: u64,
}

impl fmt::Display for Trip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.was_probe {
            true => write!(f, "a probe failed: {}", self.cause),
            false => write!(f, "{} failures, the last: {}", self.failures, self.cause),
        }
    }
}

/// A call that was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("circuit open ({trip}); use another endpoint or retry in {retry_after_ms} ms")]
pub struct Rejection {
    /// Why the breaker opened.
    pub trip: Trip,
    /// When asking again may help: the time to half open, or how long probes are waited for.
    pub retry_after_ms: u64,
}

impl From<Rejection> for Fault {
    fn from(rejection: Rejection) -> Self {
        Self::new(Code::Circuit, rejection.to_string()).retry_after(rejection.retry_after_ms)
    }
}
