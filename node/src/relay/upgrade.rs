//! Upgrading a connection at another node.

use atp_protocol::cluster::NodeId;
use atp_protocol::error::{Code, Fault};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::Full;
use hyper::client::conn::http1::Parts;
use hyper_util::rt::TokioIo;

use super::Relay;
use crate::environment::ByteStream;

/// A stream whose owner switched protocols, and what it said since.
pub(super) type Upgraded = Parts<TokioIo<Box<dyn ByteStream>>>;

impl Relay {
    /// Has `to` upgrade a connection of its own, as `request` asks.
    ///
    /// # Errors
    /// `EINTERNAL`, to be tried again: it cannot be reached, was lost, or refused.
    pub(super) async fn upgrade(&self, to: NodeId, request: http::Request<Bytes>) -> Result<Upgraded, Fault> {
        let failed = |why: &dyn std::fmt::Display| {
            let detail = format!("node {to}, which owns the session, takes no connection for it: {why}");
            Fault::new(Code::Internal, detail).retry_after(500)
        };
        let (mut sender, connection) = self.open(to).await?;
        // Ends when it is upgraded, and hands out the stream.
        let mut running = Box::pin(connection.without_shutdown());
        let mut asking = Box::pin(sender.send_request(request.map(Full::new)));
        let (response, ended) = tokio::select! {
            biased;
            response = &mut asking => (response, None),
            // An upgrade ends it as its answer comes, and whoever waits is told of the end first.
            ended = &mut running => (asking.as_mut().await, Some(ended)),
        };
        let status = response.map_err(|error| failed(&error))?.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            return Err(failed(&status));
        }
        let ended = match ended {
            Some(ended) => ended,
            None => running.await,
        };
        ended.map_err(|error| failed(&error))
    }
}
