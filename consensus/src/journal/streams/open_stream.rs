//! Opens a stream that is to outlive its node.

use atp_protocol::cluster::NodeId;
use atp_protocol::error::Code;
use atp_protocol::resume::{Begin, Binding, IdempotencyKey, Place, RequestHash};
use atp_protocol::units::{Amount, Tier, UnixMillis};
use serde::{Deserialize, Serialize};

use super::{KEY_MAX, NewToken, REQUEST_MAX, State, Stream, Streams, Token};
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::journal::{Effect, Journal, tag};
use crate::machine::Context;

/// The client's own name for a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The name, 1 to [`KEY_MAX`] bytes; the tenant's.
    pub key: String,
    /// What of the request must be the same in a repeat.
    pub hash: RequestHash,
}

/// Committed before the stream's first effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenStream {
    /// The stream.
    pub stream: Binding,
    /// Who runs it.
    pub owner: NodeId,
    /// In which epoch: the term of the group.
    pub epoch: u64,
    /// Its tier.
    pub qos: Tier,
    /// What it may spend.
    pub budget: Amount,
    /// What it is asked, at most [`REQUEST_MAX`] bytes; owners read it, the group does not.
    #[serde(with = "serde_bytes")]
    pub request: Vec<u8>,
    /// The first resume token.
    pub token: Option<NewToken>,
    /// The client's key.
    pub idempotency: Option<Idempotency>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OpenStreamReply {
    /// It is open, since this command or an earlier one. Run it.
    Opened,
    /// A request under its key runs there. Attach to that.
    Attach(Place),
    /// A request under its key ended so. Answer with that, marked as a replay and not charged.
    Replay(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Its key was used for another request (`EIDEM`).
    OtherRequest,
    /// There is such a stream already.
    Exists {
        /// Whose it is.
        owner: NodeId,
        /// In which epoch.
        epoch: u64,
    },
    /// Request or key is over its bound ([`REQUEST_MAX`], [`KEY_MAX`]).
    TooLong,
    /// As many streams or keys as there may be, and all of them run (`ERATE`).
    Full,
}

impl Body for OpenStream {
    const TAG: Tag = tag(32);
    type Reply = OpenStreamReply;
}

impl Handler<Journal, Effect> for OpenStream {
    fn apply(self, context: &Context, journal: &mut Journal, effects: &mut Vec<Effect>) -> OpenStreamReply {
        let key_len = self
            .idempotency
            .as_ref()
            .map_or(1, |idempotency| idempotency.key.len());
        if self.request.len() > REQUEST_MAX || !(1..=KEY_MAX).contains(&key_len) {
            return OpenStreamReply::TooLong;
        }
        let streams = &mut journal.streams;
        match streams.get(&self.stream) {
            // Nobody comes back to that one: its name is free.
            Some(known) if known.state == State::Closed => streams.remove(&self.stream),
            Some(known) => return self.meets(known),
            None => {}
        }
        if let Some(answer) = streams.begin(&self, context.now()) {
            return answer;
        }
        if !streams.make_room(1, self.request.len(), &self.stream) {
            if let Some(key) = self.key() {
                streams.repeats.fail(&key);
            }
            return OpenStreamReply::Full;
        }
        effects.push(Effect::StreamOpened {
            stream: self.stream.clone(),
        });
        let (id, mut stream) = self.into_record(context.now());
        // As when it is rotated: a token is issued once.
        stream.tokens = stream
            .tokens
            .map(|token| token.filter(|token| !streams.tokens.contains_key(&token.hash)));
        streams.insert(id, Box::new(stream));
        OpenStreamReply::Opened
    }
}

impl Streams {
    /// Asks the idempotency key, if there is one, whether the request is to run; the answer if not.
    fn begin(&mut self, open: &OpenStream, now: UnixMillis) -> Option<OpenStreamReply> {
        let (key, hash) = (open.key()?, open.idempotency.as_ref()?.hash);
        let place = Place {
            session: open.stream.session.clone(),
            stream: open.stream.stream.clone(),
        };
        match self.repeats.begin(now, key, hash, place) {
            Ok(Begin::Run) => None,
            Ok(Begin::Attach(place)) => Some(OpenStreamReply::Attach(place)),
            Ok(Begin::Replay(outcome)) => Some(OpenStreamReply::Replay(outcome.to_vec())),
            Err(fault) if fault.code == Code::Idem => Some(OpenStreamReply::OtherRequest),
            Err(_) => Some(OpenStreamReply::Full),
        }
    }
}

impl OpenStream {
    fn key(&self) -> Option<IdempotencyKey> {
        self.idempotency.as_ref().map(|idempotency| IdempotencyKey {
            tenant: self.stream.tenant.clone(),
            key: idempotency.key.clone(),
        })
    }

    /// A stream of that name is there: the same one, if this is a repeat.
    fn meets(&self, known: &Stream) -> OpenStreamReply {
        let key = self
            .idempotency
            .as_ref()
            .map(|idempotency| idempotency.key.as_str());
        let is_repeat = known.state == State::Open
            && (known.owner, known.epoch) == (self.owner, self.epoch)
            && known.idempotency_key.as_deref() == key
            && *known.request == *self.request;
        match is_repeat {
            true => OpenStreamReply::Opened,
            false => OpenStreamReply::Exists {
                owner: known.owner,
                epoch: known.epoch,
            },
        }
    }

    fn into_record(self, now: UnixMillis) -> (Binding, Stream) {
        let stream = Stream {
            owner: self.owner,
            epoch: self.epoch,
            state: State::Open,
            qos: self.qos,
            created: now,
            updated: now,
            lanes: Vec::new(),
            budget_left: self.budget,
            request: self.request.into(),
            outcome: None,
            tokens: [None, self.token.map(|token| Token::new(token, now))],
            idempotency_key: self.idempotency.map(|idempotency| idempotency.key.into()),
        };
        (self.stream, stream)
    }
}
