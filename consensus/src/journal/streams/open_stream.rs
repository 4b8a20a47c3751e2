//! Opens a stream that is to outlive its node.

use atp_protocol::cluster::NodeId;
use atp_protocol::resume::Binding;
use atp_protocol::units::{Amount, Tier, UnixMillis};
use serde::{Deserialize, Serialize};

use super::{NewToken, REQUEST_MAX, State, Stream, Token};
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::journal::requests::KEY_MAX;
use crate::journal::{Effect, Journal, tag};
use crate::machine::Context;

/// Committed before the stream's first effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenStream {
    /// The stream.
    pub stream: Binding,
    /// Who runs it.
    pub owner: NodeId,
    /// Its tier.
    pub qos: Tier,
    /// What it may spend.
    pub budget: Amount,
    /// What it is asked, at most [`REQUEST_MAX`] bytes; owners read it, the group does not.
    #[serde(with = "serde_bytes")]
    pub request: Vec<u8>,
    /// The first resume token.
    pub token: Option<NewToken>,
    /// The client's key for it, at most [`KEY_MAX`] bytes.
    pub idempotency_key: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OpenStreamReply {
    /// It is open, since this command or an earlier one. Run it.
    Opened {
        /// The epoch that it is written under.
        epoch: u64,
    },
    /// There is such a stream already.
    Exists {
        /// Whose it is.
        owner: NodeId,
        /// In which epoch.
        epoch: u64,
    },
    /// Request or key is over its bound ([`REQUEST_MAX`], [`KEY_MAX`]).
    TooLong,
    /// As many streams as there may be, and all of them run (`ERATE`).
    Full,
}

impl Body for OpenStream {
    const TAG: Tag = tag(32);
    type Reply = OpenStreamReply;
}

impl Handler<Journal, Effect> for OpenStream {
    fn apply(self, context: &Context, journal: &mut Journal, effects: &mut Vec<Effect>) -> OpenStreamReply {
        let key_len = self.idempotency_key.as_ref().map_or(0, String::len);
        if self.request.len() > REQUEST_MAX || key_len > KEY_MAX {
            return OpenStreamReply::TooLong;
        }
        let streams = &mut journal.streams;
        match streams.get(&self.stream) {
            // Nobody comes back to that one: its name is free.
            Some(known) if known.state == State::Closed => streams.remove(&self.stream),
            Some(known) => return self.meets(known),
            None => {}
        }
        if !streams.make_room(1, self.request.len(), &self.stream) {
            return OpenStreamReply::Full;
        }
        effects.push(Effect::StreamOpened {
            stream: self.stream.clone(),
        });
        let epoch = context.index;
        let (id, mut stream) = self.into_record(epoch, context.now());
        // As when it is rotated: a token is issued once.
        stream.tokens = stream
            .tokens
            .map(|token| token.filter(|token| !streams.tokens.contains_key(&token.hash)));
        streams.insert(id, Box::new(stream));
        OpenStreamReply::Opened { epoch }
    }
}

impl OpenStream {
    /// A stream of that name is there: the same one, if this is a repeat.
    fn meets(&self, known: &Stream) -> OpenStreamReply {
        let mut tokens = known.tokens.iter().flatten();
        let is_repeat = known.state == State::Open
            && known.owner == self.owner
            && known.idempotency_key.as_deref() == self.idempotency_key.as_deref()
            && *known.request == *self.request
            // Drawn for this opening alone.
            && self.token.is_none_or(|first| tokens.any(|token| token.hash == first.hash));
        let Stream { owner, epoch, .. } = *known;
        match is_repeat {
            true => OpenStreamReply::Opened { epoch },
            false => OpenStreamReply::Exists { owner, epoch },
        }
    }

    fn into_record(self, epoch: u64, now: UnixMillis) -> (Binding, Stream) {
        let stream = Stream {
            owner: self.owner,
            epoch,
            state: State::Open,
            qos: self.qos,
            created: now,
            updated: now,
            lanes: Vec::new(),
            budget_left: self.budget,
            request: self.request.into(),
            outcome: None,
            tokens: [None, self.token.map(|token| Token::new(token, now))],
            idempotency_key: self.idempotency_key.map(String::into_boxed_str),
        };
        (self.stream, stream)
    }
}
