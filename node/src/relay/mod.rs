//! Requests for sessions that another node owns, carried there in their own protocol (docs/adr/0013).
//!
//! [`ingress`] looks at each request before its handler does: one that names a session or stream of another owner is sent there by
//! [`Relay::forward`] over a link stream, and its reply passed back as it comes. Over there the same surfaces serve it, told by the
//! link that it has been relayed: if they do not own it either they answer 421 with who does, before they do anything, and
//! the relay tries there, once. A repeat under an idempotency key is sent to whoever runs the first, to attach to it.
//!
//! Bounds: bodies as for any request; [`IDLE_MAX`] idle connections to a node, further ones are closed after their reply; a request waits
//! [`OWNER_WAIT`] for an election to end and is then refused, having done nothing.

mod forward;
mod ingress;
mod over_link;
mod reply;
#[cfg(test)]
mod tests;
mod upgrade;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use atp_actors::owners::Owners;
use atp_protocol::cluster::NodeId;
use atp_protocol::ids::TenantId;
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;

use crate::environment::ByteStream;

pub(crate) use ingress::elsewhere;
pub use ingress::ingress;
pub(crate) use over_link::{Relayed, Served};

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
    dial: Box<dyn Dial>,
    idle: RefCell<BTreeMap<NodeId, Vec<Sender>>>,
}

/// What a node may run for a tenant.
#[derive(Debug, Clone, Copy)]
pub enum Work<'w> {
    /// A stream of that name, or of that session.
    Stream(&'w str),
    /// The request under that idempotency key.
    Request(&'w str),
}

/// Finds who runs some work of a tenant.
pub type Runs = dyn Fn(&TenantId, Work<'_>) -> Option<NodeId>;

type Sender = SendRequest<Full<Bytes>>;

impl Relay {
    /// The relay of the calling arbiter.
    #[must_use]
    pub fn new(owners: Arc<Owners>, dial: Box<dyn Dial>, runs: Box<Runs>) -> Self {
        Self {
            owners,
            runs,
            dial,
            idle: RefCell::default(),
        }
    }
}
