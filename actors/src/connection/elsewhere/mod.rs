//! Streams of sessions that another node owns (atp.md 13.4, docs/adr/0013): their frames go to a connection there and come back.
//!
//! The connection stays with its client: it reads, checks and answers for itself, and hands on the frames of such streams as they are, in
//! its own encoding. To each node there is one [`Way`], made with the first stream that needs it. A connection that another node
//! made this way takes work of what is owned here only, and says `EMOVED` of the rest; the stream is then offered to its owner, once more.
//!
//! | What happens | What the client is told |
//! |---|---|
//! | the client asked to be redirected | `EMOVED` with where to turn to |
//! | no owner within the time of the [`Others`], or no way to it | `EINTERNAL`, to be tried again |
//! | the owner is lost | of a stream that it can resume `EMOVED`, of others `EINTERNAL` |
//! | the owner closes the connection of its own, as when a stream was resumed elsewhere | the same close |
//!
//! Bounds: streams as on any connection; the [`UNANSWERED_MAX`] first frames of a stream are kept until the owner answers; [`OVER_MAX`]
//! streams that are over are remembered for what their client still says of them. A client that does not read stops the reading of its ways.

mod back;
mod seek;
mod way;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use atp_protocol::cluster::NodeId;
use atp_protocol::connection::StreamKey;
use atp_protocol::error::{Fault, Location};
use atp_protocol::frame::{Encoded, Frame};
use atp_protocol::hello::Hello;
use atp_protocol::ids::{SessionId, TenantId};
use futures_util::future::LocalBoxFuture;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::actor::Connection;
use crate::owners::Owner;
use crate::session::Passing;

/// Frames of a stream kept until its owner answers.
const UNANSWERED_MAX: usize = 16;

/// How long a connection stays when its node leaves the work to others: what was sent before its client knew goes there.
const LINGER_MS: u64 = 500;

/// Streams remembered after their end.
const OVER_MAX: usize = 256;

/// Finds owners, and the way to them.
pub trait Others {
    /// Who is to take a stream, as this node knows it: whoever runs it if it comes back, else the owner of its session.
    fn place(&self, tenant: &TenantId, stream: &StreamKey, comes_back: bool) -> Owner;

    /// As [`Self::place`], waiting while that is nobody, or is `but`; `None` for this node.
    ///
    /// # Errors
    /// `EINTERNAL`, to be tried again, when an election takes too long.
    fn owner(
        &self,
        tenant: &TenantId,
        stream: &StreamKey,
        comes_back: bool,
        but: Option<NodeId>,
    ) -> LocalBoxFuture<'static, Result<Option<NodeId>, Fault>>;

    /// A connection at another node, of the same client.
    ///
    /// # Errors
    /// Of that node; nothing was sent to it.
    fn connect(
        &self,
        to: NodeId,
        session: &SessionId,
        is_cbor: bool,
    ) -> LocalBoxFuture<'static, Result<Way, Fault>>;

    /// Where clients reach a node.
    fn location(&self, node: NodeId) -> Option<Location>;

    /// Whether this node takes no new work.
    fn is_draining(&self) -> bool;
}

/// A connection at another node. Dropping the sender closes it.
pub struct Way {
    /// Which node.
    pub node: NodeId,
    /// Messages to it.
    pub out: mpsc::Sender<Encoded>,
    /// What it says.
    pub back: mpsc::Receiver<Back>,
}

/// What comes over a [`Way`].
#[derive(Debug)]
pub enum Back {
    /// A message.
    Message(Encoded),
    /// It was closed with this code; nothing follows. One that was lost ends without.
    Closed(u16),
}

/// What is done with a stream of another owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It is carried there.
    Relay,
    /// The client is told where to turn to, as it asked for.
    Redirect,
    /// It came from another node, and goes no further.
    Refuse,
}

/// What a connection knows of other nodes.
#[derive(Default)]
pub(super) struct Elsewhere {
    others: Option<(Rc<dyn Others>, Reach)>,
    ways: BTreeMap<NodeId, Open>,
    streams: BTreeMap<StreamKey, Carried>,
    /// Those that are over, the first to end first.
    over: VecDeque<StreamKey>,
    /// What the client said hello with.
    pub(super) hello: Option<Hello>,
    made: u64,
}

/// A way that is open.
struct Open {
    number: u64,
    out: mpsc::Sender<Encoded>,
    pump: AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

/// A stream that is carried.
struct Carried {
    /// Where; `None` while its owner is looked for.
    at: Option<NodeId>,
    comes_back: bool,
    /// What was sent of it, until something comes back or there is too much of it.
    unanswered: Option<Vec<Frame<'static>>>,
    was_moved: bool,
    is_over: bool,
    /// Keeps the node from stopping until it is over.
    passing: Option<Passing>,
}

impl Elsewhere {
    fn forget(&mut self, key: &StreamKey) {
        self.streams.remove(key);
        self.over.retain(|over| over != key);
    }
}

impl Connection {
    /// Takes streams of other owners to them.
    #[must_use]
    pub fn among(mut self, others: Rc<dyn Others>, reach: Reach) -> Self {
        self.elsewhere = Elsewhere {
            others: Some((others, reach)),
            ..Elsewhere::default()
        };
        match reach {
            // The other node knows what its client's dialect is.
            Reach::Refuse => self.machine.take_unnamed_work(),
            Reach::Relay | Reach::Redirect => self.machine.linger(LINGER_MS),
        }
        self
    }
}
