//! Connections at other nodes, for frames of the streams they own: WebSockets over the link, as the client's own would be there.

use std::rc::Rc;
use std::time::Duration;

use atp_actors::connection::{Back, Others, Way};
use atp_actors::owners::Owner;
use atp_protocol::cluster::NodeId;
use atp_protocol::connection::StreamKey;
use atp_protocol::error::{Fault, Location};
use atp_protocol::frame::Encoded;
use atp_protocol::ids::{SessionId, TenantId};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, SinkExt, StreamExt};
use http::header::{CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::{Relay, Wanted};
use crate::environment::ByteStream;

/// Messages waiting each way; who sends waits beyond.
const QUEUE: usize = 16;

/// How often a sign of life is sent. Connections without a hello know no other.
const PULSE: Duration = Duration::from_secs(10);

/// What a frame may be longer by when it is written again.
pub(crate) const SLACK: usize = 4 << 10;

/// Headers that hold for the client's own connection alone.
const OF_THE_CONNECTION: [HeaderName; 2] = [
    http::header::SEC_WEBSOCKET_EXTENSIONS,
    http::header::SEC_WEBSOCKET_PROTOCOL,
];

/// A client's way to other nodes.
pub(crate) struct Sockets {
    relay: Rc<Relay>,
    /// What the client asked to be upgraded with.
    head: http::Request<Bytes>,
    /// Where clients reach a node.
    locate: Box<dyn Fn(NodeId) -> Option<Location>>,
    frame_bytes: usize,
}

impl Sockets {
    /// For the client that sent `head`; frames have `frame_bytes` at most.
    pub(crate) fn new(
        relay: Rc<Relay>,
        mut head: http::Request<Bytes>,
        locate: Box<dyn Fn(NodeId) -> Option<Location>>,
        frame_bytes: usize,
    ) -> Self {
        let headers = head.headers_mut();
        for name in OF_THE_CONNECTION {
            headers.remove(name);
        }
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        Self {
            relay,
            head,
            locate,
            frame_bytes,
        }
    }
}

/// What a stream wants of its owner.
fn wanted(stream: &StreamKey, comes_back: bool) -> Wanted<'_> {
    match comes_back {
        true => Wanted::Stream(stream.stream.as_str(), Some(&stream.session)),
        false => Wanted::Work {
            session: Some(stream.session.as_str()),
            key: None,
        },
    }
}

impl Others for Sockets {
    fn place(&self, tenant: &TenantId, stream: &StreamKey, comes_back: bool) -> Owner {
        self.relay.place(tenant, wanted(stream, comes_back))
    }

    fn owner(
        &self,
        tenant: &TenantId,
        stream: &StreamKey,
        comes_back: bool,
        but: Option<NodeId>,
    ) -> LocalBoxFuture<'static, Result<Option<NodeId>, Fault>> {
        let relay = Rc::clone(&self.relay);
        let (tenant, stream) = (tenant.clone(), stream.clone());
        async move { relay.owner(&tenant, wanted(&stream, comes_back), but).await }.boxed_local()
    }

    fn connect(
        &self,
        to: NodeId,
        session: &SessionId,
        is_cbor: bool,
    ) -> LocalBoxFuture<'static, Result<Way, Fault>> {
        let (relay, mut request) = (Rc::clone(&self.relay), self.head.clone());
        let uri = format!("/ws?session_id={session}");
        // Ids are visible characters; one that no address may hold is not named, and the frames say it all the same.
        *request.uri_mut() = uri.parse().unwrap_or_else(|_| http::Uri::from_static("/ws"));
        let encoding = if is_cbor { "atp.v1.cbor" } else { "atp.v1.json" };
        let headers = request.headers_mut();
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(encoding));
        let limit = Some(self.frame_bytes + SLACK);
        async move {
            let parts = relay.upgrade(to, request).await?;
            let config = WebSocketConfig::default()
                .max_message_size(limit)
                .max_frame_size(limit);
            let (stream, read) = (parts.io.into_inner(), parts.read_buf.to_vec());
            let socket = WebSocketStream::from_partially_read(stream, read, Role::Client, Some(config)).await;
            let (out, to_send) = mpsc::channel(QUEUE);
            let (came, back) = mpsc::channel(QUEUE);
            tokio::task::spawn_local(carry(socket, to_send, came));
            Ok(Way { node: to, out, back })
        }
        .boxed_local()
    }

    fn location(&self, node: NodeId) -> Option<Location> {
        (self.locate)(node)
    }

    fn is_draining(&self) -> bool {
        self.relay.is_draining()
    }
}

/// Carries messages both ways, until either side ends.
async fn carry(
    socket: WebSocketStream<Box<dyn ByteStream>>,
    mut to_send: mpsc::Receiver<Encoded>,
    came: mpsc::Sender<Back>,
) {
    let (mut sink, mut stream) = socket.split();
    let reading = async {
        while let Some(Ok(message)) = stream.next().await {
            let back = match message {
                Message::Text(text) => Back::Message(Encoded::Text(text.as_str().to_owned())),
                Message::Binary(bytes) => Back::Message(Encoded::Binary(bytes.to_vec())),
                Message::Close(close) => Back::Closed(close.map_or(1000, |close| close.code.into())),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
            if came.send(back).await.is_err() {
                return;
            }
        }
    };
    let writing = async {
        let mut pulse = tokio::time::interval(PULSE);
        loop {
            let message = tokio::select! {
                biased;
                message = to_send.recv() => match message {
                    Some(Encoded::Text(text)) => Message::text(text),
                    Some(Encoded::Binary(bytes)) => Message::binary(bytes),
                    None => break,
                },
                _ = pulse.tick() => Message::Ping(Bytes::new()),
            };
            if sink.send(message).await.is_err() {
                // Why is read.
                return std::future::pending().await;
            }
        }
        // An owner that has gone needs no telling.
        let _ = sink.close().await;
    };
    tokio::select! {
        biased;
        () = reading => {}
        () = writing => {}
    }
}
