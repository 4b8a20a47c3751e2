//! WebSockets that name a session of another owner: their bytes go both ways as they are.

use std::io;
use std::rc::Rc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Payload;
use atp_protocol::cluster::NodeId;
use atp_protocol::error::{Code, Fault};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::unfold;
use http::header::{CONNECTION, UPGRADE};
use http_body_util::Full;
use hyper::Response;
use hyper::body::Incoming;
use hyper::client::conn::http1::Parts;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use super::forward::{TRIES, moving, named};
use super::{Relay, Sender, reply};
use crate::environment::ByteStream;

/// Bytes read at a time.
const PIECE: usize = 16 << 10;

type Stream = Box<dyn ByteStream>;

/// What a node answers to an upgrade.
enum Answer {
    Upgraded(Response<Incoming>, Parts<TokioIo<Stream>>),
    Refused(Response<Incoming>, Sender),
}

impl Relay {
    /// Has `to` upgrade a connection, and carries its bytes both ways from then on. Whatever else `to` answers is passed back.
    ///
    /// # Errors
    /// As [`Relay::forward`].
    pub(super) async fn upgrade(
        self: &Rc<Self>,
        mut to: NodeId,
        mut request: http::Request<Bytes>,
        payload: Payload,
    ) -> Result<HttpResponse, Fault> {
        let headers = request.headers_mut();
        headers.insert(CONNECTION, http::HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, http::HeaderValue::from_static("websocket"));
        for _ in 0..TRIES {
            match self.ask(to, request.clone().map(Full::new)).await? {
                Answer::Upgraded(response, parts) => return Ok(switched(&response, parts, payload)),
                Answer::Refused(response, sender) => match named(&response) {
                    Some(owner) => to = owner,
                    None => return Ok(reply::passed_on(Rc::clone(self), to, response, sender)),
                },
            }
        }
        Err(moving())
    }

    async fn ask(&self, to: NodeId, request: http::Request<Full<Bytes>>) -> Result<Answer, Fault> {
        let lost = |error: hyper::Error| {
            Fault::new(Code::Internal, format!("node {to} was lost: {error}")).retry_after(500)
        };
        let (mut sender, connection) = self.open(to).await?;
        // Ends when it is upgraded, and hands out the stream.
        let mut running = Box::pin(connection.without_shutdown());
        let mut asking = Box::pin(sender.send_request(request));
        let (response, ended) = tokio::select! {
            biased;
            response = &mut asking => (response.map_err(lost)?, None),
            // An upgrade ends it as its answer comes, and whoever waits is told of the end first.
            ended = &mut running => {
                let parts = ended.map_err(lost)?;
                (asking.as_mut().await.map_err(lost)?, Some(parts))
            }
        };
        drop(asking);
        match (
            response.status() == StatusCode::SWITCHING_PROTOCOLS.as_u16(),
            ended,
        ) {
            (true, Some(parts)) => return Ok(Answer::Upgraded(response, parts)),
            (true, None) => return Ok(Answer::Upgraded(response, running.await.map_err(lost)?)),
            (false, Some(_)) => return Ok(Answer::Refused(response, sender)),
            (false, None) => {}
        }
        tokio::task::spawn_local(async move {
            // Whoever reads the reply is told by it.
            let _ = running.await;
        });
        Ok(Answer::Refused(response, sender))
    }
}

/// The reply that upgrades the client's connection too.
fn switched(response: &Response<Incoming>, parts: Parts<TokioIo<Stream>>, payload: Payload) -> HttpResponse {
    let mut reply = HttpResponse::SwitchingProtocols();
    reply.upgrade("websocket");
    for (name, value) in response.headers() {
        let is_handshake = name.as_str().starts_with("sec-websocket-");
        if let (true, Ok(name), Ok(value)) = (
            is_handshake,
            HeaderName::from_bytes(name.as_str().as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        ) {
            reply.append_header((name, value));
        }
    }
    let (read, write) = tokio::io::split(parts.io.into_inner());
    tokio::task::spawn_local(carry(payload, write));
    reply.streaming(pieces(parts.read_buf, read))
}

/// What the owner says, until it closes; `first` came with its answer.
fn pieces(first: Bytes, read: ReadHalf<Stream>) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    unfold((first, read), |(first, mut read)| async move {
        if !first.is_empty() {
            return Some((Ok(first), (Bytes::new(), read)));
        }
        let mut piece = BytesMut::with_capacity(PIECE);
        match read.read_buf(&mut piece).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(piece.freeze()), (first, read))),
            Err(error) => Some((Err(error), (first, read))),
        }
    })
}

/// What the client says, until it or the owner closes.
async fn carry(mut payload: Payload, mut write: WriteHalf<Stream>) {
    while let Some(Ok(piece)) = payload.next().await {
        if write.write_all(&piece).await.is_err() {
            return;
        }
    }
    // An owner that has gone needs no telling.
    let _ = write.shutdown().await;
}
