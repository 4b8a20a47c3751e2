//! The seam through which members reach each other.

use std::time::Duration;

use atp_protocol::cluster::NodeId;
use futures_util::future::BoxFuture;

/// What kind of traffic a request belongs to. Each has a connection of its own, so that neither waits for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Appends, votes, proposals: small and urgent.
    Control,
    /// Pieces of snapshots.
    Bulk,
}

/// No answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// There is no connection to the member. Nothing was sent: ask again later, or somebody else.
    #[error("there is no connection to node {0}")]
    NotConnected(NodeId),
    /// The request may have arrived and may have been carried out: its outcome is unknown.
    #[error("node {0} did not answer")]
    NoAnswer(NodeId),
}

/// Requests to other members.
pub trait Transport: Send + Sync {
    /// Sends `request`, at most 4 MiB, to [`Groups::serve`](crate::groups::Groups::serve) of member `to` and returns what that says.
    /// Fails at once when there is no connection: dialling goes on elsewhere. An answer that comes after `deadline` is dropped, which
    /// closes no connection.
    fn call(
        &self,
        to: NodeId,
        lane: Lane,
        request: Vec<u8>,
        deadline: Duration,
    ) -> BoxFuture<'static, Result<Vec<u8>, Unreachable>>;
}
