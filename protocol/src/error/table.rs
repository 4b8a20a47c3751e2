//! The one table of atp.md 15.2: what each code is called and what it does on every surface.
//!
//! Problem documents, wire errors, provider-shaped bodies and MCP errors are all read from here, so that one occurrence
//! has one meaning wherever it is seen. The kebab-case slug follows governance.md 0.5 where that page has a word.

use serde::{Deserialize, Serialize};

use super::Code;

/// What the router does to the stream an error occurs on, unless the error's scope is only a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamAction {
    /// Ends it in both directions.
    Reset,
    /// Ends it after the error: what exists is delivered first.
    Finish,
    /// Drops the frame, nothing else.
    Discard,
    /// Refuses the message; the stream survives.
    RejectMessage,
    /// Refuses the message and sends the current window.
    UpdateWindow,
    /// Asks for the missing fragments again.
    Retransmit,
    /// Tries the lane again.
    RetryLane,
    /// Tries another agent, and refuses if none is left.
    Reroute,
    /// Tries a stronger model or another strategy, and ends the stream if there is none.
    Escalate,
}

/// Whether and when the same request may succeed if it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Not without a change.
    Never,
    /// After so many milliseconds, unless the occurrence names another wait.
    After(u64),
    /// The same, for work that is safe to do twice.
    IfIdempotent(u64),
}

impl Retry {
    /// Whether a repeat can help at all.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        !matches!(self, Self::Never)
    }

    /// The default wait in milliseconds.
    #[must_use]
    pub const fn after_ms(self) -> Option<u64> {
        match self {
            Self::Never => None,
            Self::After(ms) | Self::IfIdempotent(ms) => Some(ms),
        }
    }
}

/// Error codes of the MCP surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum McpCode {
    /// The call is malformed or unacceptable.
    InvalidRequest,
    /// The credential is not valid.
    AuthenticationFailed,
    /// Forbidden.
    PermissionDenied,
    /// Too much at once, or out of budget.
    RateLimited,
    /// No such tool.
    ToolNotFound,
    /// The caller cancelled.
    Cancelled,
    /// The connection was idle. No code of ours maps here; idle close emits it directly.
    IdleTimeout,
    /// Everything else.
    InternalError,
}

/// One row: everything that is fixed about a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The code.
    pub code: Code,
    /// HTTP status.
    pub status: u16,
    /// The HTTP-facing `error` word; several codes share one.
    pub error: &'static str,
    /// Kebab-case `code` of problem documents; unique.
    pub slug: &'static str,
    /// WebSocket close code when the error ends the connection; `None` if it never does.
    pub close: Option<u16>,
    /// What happens to the stream.
    pub action: StreamAction,
    /// Whether a repeat can help.
    pub retry: Retry,
    /// The MCP code.
    pub mcp: McpCode,
    /// Stable English text, the same for every occurrence.
    pub message: &'static str,
    /// Advice to the client.
    pub hint: &'static str,
}

macro_rules! close {
    (-) => {
        None
    };
    ($close:literal) => {
        Some($close)
    };
}

macro_rules! table {
    ($($code:ident | $status:literal $error:literal $slug:literal | $close:tt | $action:ident
        | $retry:ident $(($ms:literal))? | $mcp:ident | $message:literal | $hint:literal;)+) => {
        /// One row a code, in the order of [`Code::ALL`].
        const TABLE: &[Row] = &[$(Row {
            code: Code::$code,
            status: $status,
            error: $error,
            slug: $slug,
            close: close!($close),
            action: StreamAction::$action,
            retry: Retry::$retry $(($ms))?,
            mcp: McpCode::$mcp,
            message: $message,
            hint: $hint,
        }),+];
    };
}

table! {
    Proto | 400 "invalid_request" "invalid-request" | 1002 | Reset | Never | InvalidRequest
        | "malformed frame or request" | "fix the frame or update the SDK";
    BadInput | 422 "validation_error" "validation-failed" | - | RejectMessage | Never | InvalidRequest
        | "unacceptable value" | "fix the payload";
    Unsupported | 415 "invalid_request" "unsupported-media-type" | 1003 | Discard | Never | InvalidRequest
        | "unsupported encoding or feature" | "negotiate an encoding both sides have";
    TooBig | 413 "prompt_too_large" "payload-too-large" | 1009 | Reset | Never | InvalidRequest
        | "over a size limit" | "split or shrink the message";
    Context | 413 "prompt_too_large" "context-exceeded" | - | Escalate | Never | InvalidRequest
        | "context window exceeded" | "shrink the context or name a model with a larger one";
    Auth | 401 "authentication_failed" "unauthenticated" | 4401 | Reset | Never | AuthenticationFailed
        | "authentication failed" | "present a valid credential or key";
    Replay | 409 "replay_detected" "replay-detected" | 4409 | Discard | Never | AuthenticationFailed
        | "replay detected" | "send a new nonce with the current time";
    Sec | 403 "permission_denied" "forbidden" | 4403 | Reset | Never | PermissionDenied
        | "forbidden" | "check the data labels and the tenant's policy";
    Policy | 403 "permission_denied" "policy-denied" | - | Reset | Never | PermissionDenied
        | "policy denied" | "request access from the operator";
    Rate | 429 "rate_limited" "rate-limited" | 4429 | RejectMessage | After(1000) | RateLimited
        | "too many requests" | "back off";
    Window | 429 "backpressure" "window-full" | - | UpdateWindow | After(200) | RateLimited
        | "window full" | "send less at once or wait";
    WindowAgent | 503 "backpressure" "agent-window-full" | - | Reroute | After(1000) | RateLimited
        | "agent window full" | "wait and try again";
    Draining | 503 "backpressure" "shutting-down" | 1001 | Reroute | After(1000) | RateLimited
        | "draining" | "reconnect to another node";
    Budget | 402 "budget_exhausted" "budget-exhausted" | - | Finish | Never | RateLimited
        | "budget exhausted" | "raise the budget";
    SeqRetry | 409 "eseq_retry" "sequence-gap" | - | Retransmit | After(20) | InternalError
        | "sequence gap" | "send the missing fragments again";
    Timeout | 504 "timeout" "timeout" | - | RetryLane | After(100) | InternalError
        | "timed out" | "raise the deadline or try again";
    AgentDown | 503 "external_service_error" "agent-down" | - | Reroute | After(500) | InternalError
        | "agent down" | "try again; the router fails over";
    Circuit | 503 "external_service_error" "circuit-open" | - | Reroute | After(200) | InternalError
        | "circuit open" | "wait and try again";
    Adapter | 502 "external_service_error" "upstream-error" | - | RetryLane | After(80) | InternalError
        | "adapter 5xx" | "try again";
    Fatal | 502 "external_service_error" "persona-failed" | - | Escalate | Never | InternalError
        | "all lanes failed" | "change the request or the personas it names";
    NoRoute | 503 "no_models_available" "no-route" | - | Reset | After(1000) | InternalError
        | "no candidate left" | "relax the constraints or try again";
    NotFound | 404 "model_not_found" "not-found" | - | Reset | Never | ToolNotFound
        | "not found" | "check the name; GET /v1/models lists what there is";
    Consensus | 502 "consensus_failed" "consensus-failed" | - | Escalate | Never | InternalError
        | "lanes did not agree" | "give more context or relax the agreement asked for";
    Preempt | 503 "preempted" "preempted" | - | Reset | After(1000) | RateLimited
        | "preempted" | "try again or ask for a higher tier";
    Cancel | 499 "request_cancelled" "request-cancelled" | - | Reset | Never | Cancelled
        | "cancelled" | "send the request again if it is still wanted";
    Ttl | 508 "ttl_expired" "ttl-expired" | - | Discard | Never | InternalError
        | "hop limit reached" | "look for a routing loop";
    Resume | 410 "resume_invalid" "resume-invalid" | - | Reset | Never | InternalError
        | "resume token not valid" | "open a new stream with the same idempotency key";
    Idem | 409 "idempotency_conflict" "idempotency-key-reused" | - | Reset | Never | InvalidRequest
        | "idempotency key used for another request" | "use a new idempotency key";
    Moved | 421 "moved" "moved" | 1012 | Reset | After(0) | InternalError
        | "the stream lives elsewhere" | "reconnect to the node named";
    Config | 500 "configuration_error" "configuration-error" | - | Reset | Never | InternalError
        | "configuration error" | "the operator must mend the configuration";
    Internal | 500 "internal_error" "internal" | 1011 | Reset | IfIdempotent(500) | InternalError
        | "internal error" | "repeat with the same idempotency key, and report the correlation id";
}

impl Code {
    /// Everything that is fixed about this code.
    #[must_use]
    pub const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The close code of a connection this error ends: the table's, or 1011 where the table has none.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self.row().close {
            Some(close) => close,
            None => 1011,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_row_and_its_own_slug() {
        assert_eq!(TABLE.len(), Code::ALL.len());
        let mut slugs: Vec<_> = Code::ALL
            .iter()
            .map(|&code| {
                assert_eq!(code.row().code, code);
                code.row().slug
            })
            .collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), Code::ALL.len());
    }

    #[test]
    fn statuses_messages_and_hints_are_fit_to_be_sent() {
        for row in TABLE {
            assert!((400..600).contains(&row.status), "{}", row.code);
            assert!(!row.message.is_empty() && !row.hint.is_empty(), "{}", row.code);
        }
    }
}
