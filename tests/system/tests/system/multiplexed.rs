//! Ten thousand streams at once: one connection carries many, so that descriptors are not what runs out.

use std::collections::BTreeSet;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::fixture::{Mock, Node, Setup, until, within};

const STREAMS: usize = 10_000;
/// What a session may have open.
const PER_CONNECTION: usize = 250;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(node: &Node, key: &str) -> Socket {
    let url = format!("{}/ws", node.api.replacen("http", "ws", 1));
    let mut request = url.into_client_request().expect("a valid URL");
    let bearer = format!("Bearer {key}").parse().expect("a key is a header value");
    request.headers_mut().insert("authorization", bearer);
    connect_async(request).await.expect("the node upgrades").0
}

/// Asks for an answer whose next token is a long time off.
fn request(session: usize, stream: usize) -> Message {
    let prompt = "[[upstream completion_tokens=1000 interval_ms=20000]]";
    let frame = json!({
        "v": 1, "session_id": format!("session-{session}"), "stream_id": format!("stream-{stream}"), "msg_seq": 1,
        "flags": ["SYN"], "qos": "silver", "ttl": 8, "meta": {},
        "window": { "max_parallel": PER_CONNECTION, "max_tokens": 10_000_000, "max_usd_micros": 100_000_000 },
        "payload": { "type": "agent.request", "content": { "model": "mock", "prompt": prompt, "max_tokens": 1000 } },
    });
    Message::text(frame.to_string())
}

/// Reads until every stream of the connection has said something.
async fn hear_all(socket: &mut Socket) {
    let mut heard = BTreeSet::new();
    while heard.len() < PER_CONNECTION {
        let message = socket.next().await.expect("the node goes on").expect("a message");
        let Message::Text(text) = message else { continue };
        let frame: Value = serde_json::from_str(&text).expect("a frame of JSON");
        match frame["payload"]["type"].as_str() {
            Some("agent.result.partial") => {
                heard.insert(frame["stream_id"].as_str().expect("a stream").to_owned());
            }
            Some("control.error") => panic!("a stream failed: {frame}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn ten_thousand_streams_are_open_at_once_and_end_without_a_trace() {
    let mock = Mock::start();
    let members = json!({
        "kind": "openai", "url": mock.url(), "models": ["mock"], "max_connections": STREAMS,
    });
    let node = Setup::new()
        .provider_with("up", members)
        // The first stream waits in silence until the last one is open.
        .with("timeouts", json!({ "idle_ms": 600_000 }))
        .with("aimd", json!({ "base": PER_CONNECTION, "cap": PER_CONNECTION }))
        .start()
        .await;
    let key = node.unlimited().await;
    let mut sockets = Vec::new();
    for session in 0..STREAMS / PER_CONNECTION {
        let mut socket = connect(&node, &key).await;
        for stream in 0..PER_CONNECTION {
            socket
                .feed(request(session, stream))
                .await
                .expect("the node reads");
        }
        socket.flush().await.expect("the node reads");
        within("every stream of a connection to begin", hear_all(&mut socket)).await;
        sockets.push(socket);
    }
    assert_eq!(mock.stats().await.open_streams, STREAMS as u64);
    drop(sockets);
    until("the upstream to be rid of them", async || {
        (mock.stats().await.in_flight == 0).then_some(())
    })
    .await;
    let balance = node.settled("acme").await;
    assert_eq!(balance["in_flight"], 0, "{balance}");
}
