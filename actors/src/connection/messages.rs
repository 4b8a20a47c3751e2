//! What a connection is told.

use actix::Message;
use atp_protocol::connection::StreamKey;
use atp_protocol::error::Fault;
use atp_protocol::estimate::Estimate;
use bytes::Bytes;
use tokio::sync::oneshot;

use super::dialled::Guard;
use super::events::Events;
use crate::adapter::Call;
use crate::session::{Opened, Output};

/// A message came. Answered when everything it caused is queued, so that a reader that waits for the answer reads no faster
/// than the connection works.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum Incoming {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
    /// A ping or pong: a sign of life.
    Pulse,
    /// A message larger than a frame may be; the rest of it was not read.
    TooBig,
    /// Text that is not UTF-8.
    NotText,
    /// A violation of WebSocket itself.
    NotWebSocket,
}

/// The transport has ended.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Gone;

/// The node is leaving: what runs may finish, new work goes elsewhere.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Drain;

/// What became of the adapter that the peer declared: taken in or not, then whether it passed its probe.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Declared(pub(super) Result<(), Fault>);

/// Another registration has taken the name of the adapter that the peer declared; the number of the declaration.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Superseded(pub(super) u64);

/// A stream was admitted or not.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Admitted {
    pub(super) key: StreamKey,
    pub(super) result: Result<Opened, Fault>,
}

/// Something happened on a stream. Answered when it is queued for the transport.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Happened {
    pub(super) key: StreamKey,
    /// `None` when the session was lost.
    pub(super) output: Option<Output>,
}

/// Work for the agent at the other end, which is told when the guard is dropped.
#[derive(Message)]
#[rtype(result = "Result<Guard, Fault>")]
pub(super) struct Dispatch {
    pub(super) call: Call,
    pub(super) reply: Events,
}

/// What would this call cost the agent? Without an answer `reply` is dropped.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct AskEstimate {
    pub(super) call: Call,
    pub(super) reply: oneshot::Sender<Result<Estimate, Fault>>,
}

/// Nobody waits for a call any more.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Abandon(pub(super) StreamKey);
