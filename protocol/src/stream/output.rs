//! What a connection and its streams ask to be done.

use std::sync::Arc;

use crate::error::{ControlError, Fault};
use crate::frame::Frame;
use crate::hello::{Hello, HelloAck};
use crate::ids::{LaneId, SessionId, StreamId};
use crate::payload::{Resume, ResumeAck};

/// Names a stream on a connection, which may carry several sessions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    /// The session.
    pub session: SessionId,
    /// The stream within it.
    pub stream: StreamId,
}

impl StreamKey {
    /// The stream a frame belongs to.
    #[must_use]
    pub fn of(frame: &Frame<'_>) -> Self {
        Self {
            session: frame.session_id.clone(),
            stream: frame.stream_id.clone(),
        }
    }
}

/// What is to be done, in order.
#[derive(Debug, Clone)]
pub enum Output {
    /// Encode and send.
    Transmit(Arc<Frame<'static>>),
    /// Tell whoever uses the connection.
    Deliver(Event),
    /// Close it; nothing follows.
    Close(Close),
}

/// How a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// WebSocket close code.
    pub code: u16,
    /// Why, for people.
    pub reason: &'static str,
}

impl Close {
    /// The work is done.
    pub const NORMAL: Self = Self {
        code: 1000,
        reason: "done",
    };
    /// The node is leaving.
    pub const LEAVING: Self = Self {
        code: 1001,
        reason: "draining",
    };
    /// Malformed messages, again and again.
    pub const MALFORMED: Self = Self {
        code: 1002,
        reason: "too many malformed messages",
    };
    /// Signatures that are not valid, again and again.
    pub const UNAUTHENTICATED: Self = Self {
        code: 4401,
        reason: "authentication failed",
    };
    /// Text that is not UTF-8.
    pub const NOT_TEXT: Self = Self {
        code: 1007,
        reason: "text is not UTF-8",
    };
    /// Frames of WebSocket itself that break its rules.
    pub const NOT_WEBSOCKET: Self = Self {
        code: 1002,
        reason: "not WebSocket",
    };
    /// Nothing was open for the agreed time.
    pub const IDLE: Self = Self {
        code: 4408,
        reason: "idle",
    };
    /// Another connection holds its streams.
    pub const REPLACED: Self = Self {
        code: 4409,
        reason: "resumed elsewhere",
    };
    /// Another connection has declared the same adapter; the newest wins.
    pub const SUPERSEDED: Self = Self {
        code: 4409,
        reason: "declared elsewhere",
    };
    /// The peer does not take what it has to be told.
    pub const OVERRUN: Self = Self {
        code: 1013,
        reason: "messages are not taken",
    };
    /// The peer asks for streams more often than it may, and does not stop.
    pub const TOO_OFTEN: Self = Self {
        code: 4429,
        reason: "too many requests",
    };
    /// The peer fell so far behind that something was lost to it; what it can resume tells it what.
    pub const BEHIND: Self = Self {
        code: 1013,
        reason: "fell behind; resume",
    };
    /// The peer fell silent.
    pub const SILENT: Self = Self {
        code: 1001,
        reason: "no sign of life",
    };
}

/// What the user of a connection learns. Frames are as received, fragments joined.
#[derive(Debug, Clone)]
pub enum Event {
    /// The peer proposes terms: [`agree`](crate::connection::Connection::agree) or
    /// [`refuse_hello`](crate::connection::Connection::refuse_hello).
    Hello(Box<Hello>),
    /// Terms were agreed.
    Agreed(Box<HelloAck>),
    /// The peer wants to open a stream: [`accept`](crate::connection::Connection::accept) or
    /// [`fail`](crate::connection::Connection::fail) it. Its messages may follow before that.
    Open {
        /// Which.
        key: StreamKey,
        /// The first message.
        frame: Box<Frame<'static>>,
    },
    /// The next message of a lane. Partials of several fragments come piece by piece, each with its own `frag_seq`. A type
    /// this version does not know comes without a kind, to be counted and dropped.
    Message {
        /// Of which stream.
        key: StreamKey,
        /// The message.
        frame: Box<Frame<'static>>,
    },
    /// An unsequenced payload that is not the connection's own business. Newest wins.
    Control {
        /// Of which stream; the control stream's where it concerns the connection.
        key: StreamKey,
        /// The payload's frame.
        frame: Box<Frame<'static>>,
    },
    /// The peer will send no more on the stream.
    Finished(StreamKey),
    /// The stream is aborted.
    Reset {
        /// Which.
        key: StreamKey,
        /// What the peer said, if it was the peer.
        error: Option<Box<ControlError>>,
    },
    /// Both sides have finished; the stream is gone.
    Closed(StreamKey),
    /// A message of the lane is lost for good and it cannot do without.
    LaneFailed {
        /// Of which stream.
        key: StreamKey,
        /// Which lane.
        lane: LaneId,
        /// Why.
        fault: Fault,
    },
    /// Too much is unacknowledged: stop sending on the stream.
    Full(StreamKey),
    /// Go on sending.
    Credit(StreamKey),
    /// A frame of the stream carried a congestion mark.
    Congestion(StreamKey),
    /// The peer wants a stream back: check the token, then [`attach`](crate::connection::Connection::attach) or
    /// [`fail`](crate::connection::Connection::fail).
    Resume {
        /// Which.
        key: StreamKey,
        /// Its words.
        request: Box<Resume>,
    },
    /// A stream is ours again.
    Resumed {
        /// Which.
        key: StreamKey,
        /// The peer's words.
        ack: Box<ResumeAck>,
    },
    /// No byte came for too long, or the transport failed: take the streams with
    /// [`detach`](crate::connection::Connection::detach).
    PeerDead,
}
