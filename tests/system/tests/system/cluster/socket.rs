//! A client of ATP over WebSocket.

use std::collections::VecDeque;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::fixture::within;

/// One connection. What a stream is waited for does not lose what others say meanwhile.
pub(super) struct Socket {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    unread: VecDeque<Value>,
}

impl Socket {
    /// At the node that serves `api`, with `query`; `None` where it takes no connection.
    pub(super) async fn attempt(api: &str, key: &str, query: &str) -> Option<Self> {
        let url = format!("{}/ws{query}", api.replacen("http", "ws", 1));
        let mut request = url.into_client_request().expect("a valid URL");
        let bearer = format!("Bearer {key}").parse().expect("a key is a header value");
        request.headers_mut().insert("authorization", bearer);
        let (socket, _) = within("an upgrade", connect_async(request)).await.ok()?;
        Some(Self {
            socket,
            unread: VecDeque::new(),
        })
    }

    /// As [`Self::attempt`], where it is sure.
    pub(super) async fn open(api: &str, key: &str, query: &str) -> Self {
        let opened = Self::attempt(api, key, query).await;
        opened.expect("the node upgrades")
    }

    /// Agrees on streams that can be resumed.
    pub(super) async fn hello(&mut self) {
        let hello = json!({
            "versions": ["1.1"], "encodings": ["json"], "role": "client", "features": { "resume": true, "status": true },
        });
        let mut frame = frame("-", "-", 0);
        frame["payload"] = json!({ "type": "control.hello", "content": hello });
        self.say(&frame).await;
        let ack = self.next_of(|frame| kind(frame) == "hello_ack").await;
        assert_eq!(ack["payload"]["content"]["features"]["resume"], true, "{ack}");
    }

    /// Asks in a session.
    pub(super) async fn ask(&mut self, session: &str, stream: &str, prompt: &str) {
        let mut frame = frame(session, stream, 1);
        frame["flags"] = json!(["SYN"]);
        frame["payload"] =
            json!({ "type": "agent.request", "content": { "model": "mock", "prompt": prompt } });
        self.say(&frame).await;
    }

    /// Comes back with a token, having all up to `cum`.
    pub(super) async fn resume(&mut self, session: &str, stream: &str, token: &str, cum: u64) {
        let mut frame = frame(session, stream, 0);
        frame["flags"] = json!(["SYN", "RESUME", "CTRL"]);
        let content = json!({ "resume_token": token, "lanes": [{ "cum": cum }], "sent_cum": 1 });
        frame["payload"] = json!({ "type": "control.resume", "content": content });
        self.say(&frame).await;
    }

    async fn say(&mut self, frame: &Value) {
        // A node that has gone is noticed by what is read.
        let _ = self.socket.send(Message::text(frame.to_string())).await;
    }

    /// The next frame that fits; a connection that ends before fails the test.
    pub(super) async fn next_of(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        let next = self.try_next_of(fits).await;
        next.expect("the connection goes on")
    }

    /// The next frame that fits; `None` where the connection ends before.
    pub(super) async fn try_next_of(&mut self, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        if let Some(at) = self.unread.iter().position(&fits) {
            return self.unread.remove(at);
        }
        loop {
            let message = within("a frame", self.socket.next()).await?.ok()?;
            let Message::Text(text) = message else { continue };
            let frame: Value = serde_json::from_str(&text).expect("a frame of JSON");
            if fits(&frame) {
                return Some(frame);
            }
            self.unread.push_back(frame);
        }
    }

    /// The numbered messages of a stream and its last word, from here on.
    pub(super) async fn rest(&mut self, stream: &str) -> Vec<Value> {
        let mut said = Vec::new();
        loop {
            let frame = self
                .next_of(|frame| frame["stream_id"] == stream && says(frame))
                .await;
            let is_last = ["final", "error"].contains(&kind(&frame));
            said.push(frame);
            if is_last {
                return said;
            }
        }
    }
}

/// The last part of its payload's type.
pub(super) fn kind(frame: &Value) -> &str {
    let name = frame["payload"]["type"].as_str().unwrap_or_default();
    name.rsplit('.').next().unwrap_or_default()
}

/// Whether it belongs to the answer.
pub(super) fn says(frame: &Value) -> bool {
    ["partial", "final", "error"].contains(&kind(frame))
}

/// The token in a frame that has one.
pub(super) fn token(frame: &Value) -> Option<String> {
    frame["payload"]["content"]["resume_token"]
        .as_str()
        .map(str::to_owned)
}

fn frame(session: &str, stream: &str, msg_seq: u64) -> Value {
    json!({
        "v": 1, "session_id": session, "stream_id": stream, "msg_seq": msg_seq, "qos": "silver", "ttl": 8, "meta": {},
        "window": { "max_parallel": 4, "max_tokens": 100_000, "max_usd_micros": 1_000_000 },
    })
}
