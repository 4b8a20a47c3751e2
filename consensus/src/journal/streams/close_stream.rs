//! Ends a stream for good.

use atp_protocol::resume::{Binding, TokenHash};
use serde::{Deserialize, Serialize};

use super::{State, Written};
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::journal::{Effect, Journal, tag};
use crate::machine::Context;

/// Proposed when the client has its final, or gave up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseStream {
    /// The stream.
    pub stream: Binding,
    /// The owner's epoch.
    pub epoch: u64,
}

impl Body for CloseStream {
    const TAG: Tag = tag(38);
    type Reply = Written;
}

impl Handler<Journal, Effect> for CloseStream {
    fn apply(self, context: &Context, journal: &mut Journal, _: &mut Vec<Effect>) -> Written {
        let (id, streams) = (&self.stream, &mut journal.streams);
        let known = match streams.check(id, self.epoch) {
            Ok(known) => known,
            Err(Written::Closed) => return Written::Written,
            Err(refused) => return refused,
        };
        let tokens: Vec<TokenHash> = known.tokens.iter().flatten().map(|token| token.hash).collect();
        for token in tokens {
            streams.revoke(id, token);
        }
        streams.write(id, context.now(), |stream| {
            stream.state = State::Closed;
            stream.request = Box::default();
        });
        Written::Written
    }
}
