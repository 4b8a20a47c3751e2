//! Requests for sessions of another owner.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::fixture::{Cluster, question, serves};
use crate::fixture::{ADMIN_KEY, Mock, Node, within};

/// An answer that takes a second, token by token.
const SLOW: &str = "[[upstream prompt_tokens=4 completion_tokens=50 interval_ms=20]]";

/// Whether the node owns the session, which has an open stream.
async fn has(node: &Node, session: &str) -> bool {
    let listed = node
        .get("/admin/sessions")
        .key(ADMIN_KEY)
        .send()
        .await
        .ok()
        .json();
    let sessions = listed["sessions"].as_array().expect("a list");
    sessions.iter().any(|open| open["session_id"] == session)
}

/// Asks the first node for a streamed answer in a session of another owner, and reads it; the session.
async fn streamed(cluster: &Cluster, key: &str) -> String {
    let body = json!({ "model": "mock", "stream": true, "messages": [{ "role": "user", "content": SLOW }] });
    for number in 0..64 {
        let session = format!("session-{number}");
        let chat = cluster
            .node(1)
            .chat(key, body.clone())
            .header("x-session-id", &session);
        let mut stream = chat.open().await;
        assert_eq!(stream.status, 200);
        stream.read_until("\"@").await;
        let mut owners = Vec::new();
        for node in 1..=3 {
            if has(cluster.node(node), &session).await {
                owners.push(node);
            }
        }
        assert_eq!(owners.len(), 1, "one node owns the session: {owners:?}");
        if owners != [1] {
            let text = stream.rest().await.text();
            assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
            return session;
        }
    }
    panic!("the first node owns every session");
}

/// Asks over a WebSocket of `node` that names the session; the type of the last frame of the answer.
async fn over_websocket(node: &Node, key: &str, session: &str) -> Value {
    let url = format!("{}/ws?session_id={session}", node.api.replacen("http", "ws", 1));
    let mut request = url.into_client_request().expect("a valid URL");
    let bearer = format!("Bearer {key}").parse().expect("a key is a header value");
    request.headers_mut().insert("authorization", bearer);
    let mut socket = connect_async(request).await.expect("the node upgrades").0;
    let frame = json!({
        "v": 1, "session_id": session, "stream_id": "a", "msg_seq": 1, "flags": ["SYN"], "qos": "silver", "ttl": 8,
        "meta": {}, "window": { "max_parallel": 4, "max_tokens": 100_000, "max_usd_micros": 1_000_000 },
        "payload": { "type": "agent.request", "content": { "model": "mock", "prompt": SLOW } },
    });
    socket
        .send(Message::text(frame.to_string()))
        .await
        .expect("the node reads");
    loop {
        let message = socket.next().await.expect("the node goes on").expect("a message");
        let Message::Text(text) = message else { continue };
        let frame: Value = serde_json::from_str(&text).expect("a frame of JSON");
        let kind = frame["payload"]["type"].as_str().unwrap_or_default();
        if kind == "agent.result.final" || kind == "control.error" {
            return frame;
        }
    }
}

#[tokio::test]
async fn a_session_of_another_owner_is_served_through_any_node() {
    let mock = Mock::start();
    let mut cluster = Cluster::start(&mock, 3).await;
    cluster.leaders().await;
    let key = cluster.node(1).unlimited().await;
    for node in cluster.nodes() {
        serves(node, &key).await;
    }
    let session = streamed(&cluster, &key).await;
    for node in cluster.nodes() {
        let chat = node.chat(&key, question()).header("x-session-id", &session);
        let reply = chat.send().await.ok().json();
        assert_eq!(reply["object"], "chat.completion", "{reply}");
        let answer = within("an answer", over_websocket(node, &key, &session)).await;
        assert_eq!(answer["payload"]["type"], "agent.result.final", "{answer}");
    }
    // Connections that relayed are idle and in nobody's way.
    let node = cluster.forget(2);
    node.terminate();
    let (status, setup) = node.ended().await;
    assert!(status.success(), "{status}");
    let log = setup.log();
    assert!(!log.contains("not all connections have closed"), "{log}");
}
