//! What a member does for others.

use std::time::Duration;

use atp_protocol::cluster::NodeId;
use atp_protocol::link::{Refusal, Service};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;

use super::Duplex;

/// Answers requests and takes streams of other members. One instance serves one thread.
pub trait Services {
    /// Begins to answer a request of `from`. The future is dropped when the answer is no longer wanted: the caller gave up, the
    /// deadline is over, or the connection is lost. A panic in it answers that the outcome is unknown.
    fn call(
        &self,
        from: NodeId,
        service: Service,
        body: Bytes,
        deadline: Duration,
    ) -> LocalBoxFuture<'static, Result<Bytes, Refusal>>;

    /// Takes a stream that `from` opened, with what it is about. Returns at once: what goes on is a task of its own. Dropping the
    /// stream refuses it.
    fn open(&self, from: NodeId, service: Service, body: Bytes, stream: Duplex);
}
