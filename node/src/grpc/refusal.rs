//! What a failed RPC means to a lane (atp.md 22.4).

use std::error::Error;
use std::fmt;

use atp_protocol::error::{Code, Fault, Scope};
use atp_protocol::ids::AdapterId;
use tonic::{Status, TimeoutExpired};

/// Longest message of an adapter that is passed on, in characters.
const MAX_MESSAGE: usize = 150;

/// Names the adapter in every fault it causes.
#[derive(Debug, Clone)]
pub(super) struct Refusal(pub(super) AdapterId);

impl Refusal {
    pub(super) fn fault(&self, code: Code, what: impl fmt::Display) -> Fault {
        Fault::new(code, format!("{}: {what}", self.0)).scoped(Scope::Lane)
    }

    /// An RPC that ended with an error status.
    pub(super) fn status(&self, status: &Status) -> Fault {
        // The client's own timer answers before the adapter could, and calls it a cancellation.
        if is_timeout(status) {
            return self.late("the request's deadline passed");
        }
        let code = Code::from_grpc(status.code().into());
        match code {
            // The adapter's words may hold part of the key.
            Code::Config => self.fault(code, "refused the router's credential; check its key"),
            Code::AgentDown => self.fault(code, "cannot be reached; check that it runs and its url"),
            _ => self.fault(code, cut(status.message(), status.code().description())),
        }
    }

    /// A wait that was not worth going on with.
    pub(super) fn late(&self, what: impl fmt::Display) -> Fault {
        self.fault(Code::Timeout, what)
    }
}

fn is_timeout(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<TimeoutExpired>() {
            return true;
        }
        source = error.source();
    }
    false
}

fn cut<'a>(message: &'a str, otherwise: &'a str) -> &'a str {
    if message.is_empty() {
        return otherwise;
    }
    match message.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => &message[..end],
        None => message,
    }
}
