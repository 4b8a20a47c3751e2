//! What a stream is told and asked.

use std::sync::Arc;

use actix::{Message, Recipient};
use atp_protocol::connection::StreamKey;
use atp_protocol::error::{ControlError, Fault};
use atp_protocol::frame::Frame;
use atp_protocol::ids::SessionId;
use atp_protocol::payload::{self, Ack, ResumeAck, WindowReason};
use atp_protocol::request::AgentRequest;
use atp_protocol::units::{Amount, Tier, Window};

use super::{Event, Positions, StreamState};
use crate::history::Reader;
use crate::session::{Facts, Opened, Output, Repeat, SessionFlow};

/// What was said when a stream was opened.
#[derive(Debug, Clone)]
pub struct Head {
    /// Tier of frames that name none.
    pub tier: Tier,
    /// Window of frames that name none.
    pub window: Window,
    /// Most the stream may cost, if the client said so: tokens bound its window, money its route.
    pub budget: Option<Amount>,
}

/// What the HTTP request around frames says about the work in them. A later request adds to what an earlier one said.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// Labels that are added to those of `meta`.
    pub data_scope: Vec<String>,
    /// Idempotency key where `meta` has none.
    pub idempotency_key: Option<String>,
    /// W3C context where `meta` has none.
    pub traceparent: Option<String>,
    /// Echoed to the client.
    pub correlation_id: Option<Arc<str>>,
}

impl Around {
    /// Takes over what `later` says.
    pub(super) fn extend(&mut self, later: Self) {
        self.data_scope.extend(later.data_scope);
        self.idempotency_key = later.idempotency_key.or(self.idempotency_key.take());
        self.traceparent = later.traceparent.or(self.traceparent.take());
        self.correlation_id = later.correlation_id.or(self.correlation_id.take());
    }
}

/// Takes frames, each a JSON object, in order, up to the first error.
#[derive(Message)]
#[rtype(result = "Result<Posted, Fault>")]
pub struct Post {
    /// The frames.
    pub frames: Vec<String>,
    /// What was said around them.
    pub around: Around,
}

/// What became of posted frames.
#[derive(Debug, Clone, Default)]
pub struct Posted {
    /// How many were taken.
    pub accepted: usize,
    /// Their acknowledgements.
    pub acks: Vec<Ack>,
    /// The first error, and what it led to.
    pub errors: Vec<ControlError>,
    /// The first error as it was raised, unless the stream's own machine raised it.
    pub fault: Option<Fault>,
}

/// Takes a frame that came over a WebSocket and passed its checks. Answers with frames for that WebSocket alone.
#[derive(Message)]
#[rtype(result = "Vec<Frame<'static>>")]
pub struct Take(pub Frame<'static>);

/// Waits until the stream's request is admitted or refused.
#[derive(Message)]
#[rtype(result = "Result<(Facts, Repeat), Fault>")]
pub struct Admission;

/// Ends the stream. Answers whether it had not ended before.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct Cancel;

/// Ends the stream and takes it off the list.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Forget;

/// Makes room. The stream has ended; its record, if it has one, tells how to whoever asks.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct GiveWay;

/// Looks at the stream.
#[derive(Message)]
#[rtype(result = "StreamState")]
pub struct Look;

/// Issues a resume token beside the last one.
#[derive(Message)]
#[rtype(result = "Result<String, Fault>")]
pub struct NewToken;

/// Comes back with a token.
#[derive(Message)]
#[rtype(result = "Result<Resumed, Fault>")]
pub struct Resume {
    /// Token and positions.
    pub request: payload::Resume,
    /// The WebSocket that holds the stream from here on; `None` over HTTP, where every reader is its own.
    pub holder: Option<Recipient<ToHolder>>,
}

/// A stream is back.
pub struct Resumed {
    /// What the client is told.
    pub ack: ResumeAck,
    /// What it has. Among what it has not there may be some of it, of lanes that were ahead.
    pub has: Positions,
    /// Begins at the first message it does not have.
    pub reader: Reader<Event>,
    /// The window of its session, where others may share it.
    pub flow: Option<Arc<SessionFlow>>,
}

/// For the WebSocket that holds a stream.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum ToHolder {
    /// For its client alone: a window, a token.
    Frame(Arc<Frame<'static>>),
    /// The stream was admitted to the window of its session, and granted it.
    Granted(StreamKey, Arc<SessionFlow>),
    /// The window of the session may have changed, or is to be told again, for this reason.
    Window(SessionId, WindowReason),
    /// The stream was resumed elsewhere. The WebSocket has nothing more to do with it, and is closed.
    Replaced,
}

/// The stream is on record under an epoch, or cannot be. Answers whether it goes on.
#[derive(Message)]
#[rtype(result = "bool")]
pub(super) struct Recorded {
    pub(super) result: Result<u64, Fault>,
    pub(super) request: Box<AgentRequest>,
}

/// How a stream ended under an earlier owner.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct LastWords(pub(super) Vec<Event>);

/// The router's answer to the stream's request.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Admitted(pub(super) Result<Opened, Fault>);

/// The session said something; `None` when it ended without a last word.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Happened(pub(super) Option<Output>);
