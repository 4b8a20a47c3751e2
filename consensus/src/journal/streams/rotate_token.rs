//! Gives a stream another resume token (atp.md 13.1).

use atp_protocol::resume::Binding;
use serde::{Deserialize, Serialize};

use super::{NewToken, Token, Written};
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::journal::{Effect, Journal, tag};
use crate::machine::Context;

/// Proposed with every resumption and at half the time of the token before. That one stays good, as the client may not have got
/// this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateToken {
    /// The stream.
    pub stream: Binding,
    /// The owner's epoch.
    pub epoch: u64,
    /// The token.
    pub token: NewToken,
}

impl Body for RotateToken {
    const TAG: Tag = tag(34);
    type Reply = Written;
}

impl Handler<Journal, Effect> for RotateToken {
    fn apply(self, context: &Context, journal: &mut Journal, _: &mut Vec<Effect>) -> Written {
        let streams = &mut journal.streams;
        if let Err(refused) = streams.check(&self.stream, self.epoch) {
            return refused;
        }
        if !streams.tokens.contains_key(&self.token.hash) {
            streams.issue(&self.stream, Token::new(self.token, context.now()));
        }
        streams.write(&self.stream, context.now(), |_| {});
        Written::Written
    }
}
