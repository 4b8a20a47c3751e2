//! Uses a resume token up (atp.md 13.1).

use atp_protocol::cluster::NodeId;
use atp_protocol::resume::{Binding, TokenHash};
use serde::{Deserialize, Serialize};

use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::journal::{Effect, Journal, tag};
use crate::machine::Context;

/// Of two that present one token the first in the log has it: a client that may have lost the answer opens a new stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumeToken {
    /// The token.
    pub token: TokenHash,
    /// The stream that its holder says it is for.
    pub stream: Binding,
}

/// What came of it; the client is told of the refusals that they are one (`ERESUME`), and none of why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConsumeTokenReply {
    /// The stream may be resumed.
    Consumed {
        /// Whose it is.
        owner: NodeId,
        /// In which epoch.
        epoch: u64,
    },
    /// Never issued, used, or forgotten.
    Unknown,
    /// Strictly older than its time. It is forgotten.
    Expired,
    /// Good for another stream. It stays valid for that.
    Elsewhere,
}

impl Body for ConsumeToken {
    const TAG: Tag = tag(35);
    type Reply = ConsumeTokenReply;
}

impl Handler<Journal, Effect> for ConsumeToken {
    fn apply(self, context: &Context, journal: &mut Journal, _: &mut Vec<Effect>) -> ConsumeTokenReply {
        let streams = &mut journal.streams;
        let Some(id) = streams.tokens.get(&self.token).cloned() else {
            return ConsumeTokenReply::Unknown;
        };
        let stream = streams.get(&id).expect("a token is of a stream that is there");
        let token = stream
            .tokens
            .iter()
            .flatten()
            .find(|token| token.hash == self.token);
        let is_expired = token.is_none_or(|token| token.is_expired(context.now()));
        let consumed = ConsumeTokenReply::Consumed {
            owner: stream.owner,
            epoch: stream.epoch,
        };
        let reply = match (is_expired, *id == self.stream) {
            (true, _) => ConsumeTokenReply::Expired,
            (false, false) => return ConsumeTokenReply::Elsewhere,
            (false, true) => consumed,
        };
        streams.revoke(&id, self.token);
        reply
    }
}
