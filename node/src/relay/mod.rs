//! Requests for sessions that another node owns, carried there in their own protocol (docs/adr/0013).
//!
//! [`ingress`] looks at each request before its handler does: one that names a session or stream of another owner is sent there by
//! [`Relay::forward`] over a link stream, and its reply passed back as it comes. Over there the same surfaces serve it, told by the
//! link that it has been relayed: if they do not own it either they answer 421 with who does, before they do anything, and
//! the relay tries there, once. A repeat under an idempotency key is sent to whoever runs the first, to attach to it. A WebSocket stays where it is: [`Sockets`] carry frames of streams of other owners.
//!
//! New work goes to the owner of its session, or where it names none stays here; while this node drains, all of it goes to others.
//! A stream that there is goes to whoever runs it.
//!
//! Bounds: bodies as for any request; [`IDLE_MAX`] idle connections to a node, further ones are closed after their reply; a request waits
//! [`OWNER_WAIT`] for an election to end and is then refused, having done nothing.

mod forward;
mod frames;
mod ingress;
mod over_link;
mod reply;
#[cfg(test)]
mod tests;
mod upgrade;
mod wanted;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use atp_actors::owners::Owners;
use atp_actors::session::Load;
use atp_protocol::cluster::NodeId;
use atp_protocol::ids::{SessionId, StreamId, TenantId};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;

use crate::environment::ByteStream;

pub(crate) use frames::{SLACK, Sockets};
pub use ingress::ingress;
pub(crate) use ingress::{copy, elsewhere};
pub(crate) use over_link::{Relayed, Served};
pub(crate) use wanted::Wanted;

/// Idle connections kept to each node.
const IDLE_MAX: usize = 64;

/// How long a request waits for its group to have a leader.
const OWNER_WAIT: Duration = Duration::from_secs(5);

/// The header by which a node that does not own a session names the one that does.
const OWNER: &str = "x-atp-owner";

/// How a request came to this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// From a client.
    Direct,
    /// From a member that took this node for the owner.
    Relayed,
}

/// Opens streams to the HTTP service of other nodes.
pub trait Dial {
    /// A stream to the service of `to`.
    fn dial(&self, to: NodeId) -> LocalBoxFuture<'static, io::Result<Box<dyn ByteStream>>>;
}

/// An arbiter's way to other owners.
pub struct Relay {
    /// Who owns what.
    pub(crate) owners: Arc<Owners>,
    /// Who runs something, wherever its group is led.
    runs: Box<Runs>,
    /// Where it is counted what is on its way.
    load: Arc<Load>,
    /// Whether this node takes no new work.
    is_draining: Box<dyn Fn() -> bool>,
    dial: Box<dyn Dial>,
    idle: RefCell<BTreeMap<NodeId, Vec<Sender>>>,
}

/// What a node may run for a tenant.
#[derive(Debug, Clone, Copy)]
pub enum Work<'w> {
    /// A stream, of the session where one is named.
    Stream(&'w StreamId, Option<&'w SessionId>),
    /// The request under that idempotency key.
    Request(&'w str),
}

/// Finds who runs some work of a tenant.
pub type Runs = dyn Fn(&TenantId, Work<'_>) -> Option<NodeId>;

type Sender = SendRequest<Full<Bytes>>;

impl Relay {
    /// The relay of the calling arbiter.
    #[must_use]
    pub fn new(
        owners: Arc<Owners>,
        dial: Box<dyn Dial>,
        runs: Box<Runs>,
        load: Arc<Load>,
        is_draining: Box<dyn Fn() -> bool>,
    ) -> Self {
        Self {
            owners,
            runs,
            load,
            is_draining,
            dial,
            idle: RefCell::default(),
        }
    }

    /// Whether this node takes no new work.
    pub(crate) fn is_draining(&self) -> bool {
        (self.is_draining)()
    }
}
