//! Requests for sessions of another owner.

use serde_json::json;

use super::fixture::{Cluster, owner_of, question, serves};
use super::socket::{Socket, kind};
use crate::fixture::{Mock, Node};

/// An answer that takes a second, token by token.
const SLOW: &str = "[[upstream prompt_tokens=4 completion_tokens=50 interval_ms=20]]";

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
        if owner_of(cluster, &session).await != 1 {
            let text = stream.rest().await.text();
            assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
            return session;
        }
    }
    panic!("the first node owns every session");
}

/// Asks over a WebSocket of `node` that names the session; the type of the last frame of the answer.
async fn over_websocket(node: &Node, key: &str, session: &str) -> String {
    let mut socket = Socket::open(&node.api, key, &format!("?session_id={session}")).await;
    socket.ask(session, "a", SLOW).await;
    let said = socket.rest("a").await;
    kind(said.last().expect("there is a last")).to_owned()
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
        assert_eq!(over_websocket(node, &key, &session).await, "final");
    }
    // Connections that relayed are idle and in nobody's way.
    let node = cluster.forget(2);
    node.terminate();
    let (status, setup) = node.ended().await;
    assert!(status.success(), "{status}");
    let log = setup.log();
    assert!(!log.contains("not all connections have closed"), "{log}");
}
