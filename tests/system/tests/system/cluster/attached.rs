//! Adapters that are attached to one member, asked for at another.

use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::fixture::{Cluster, serves};
use crate::fixture::{ADMIN_KEY, Mock, Node, Setup, until};

/// An answer of a second, token by token.
const SLOW: &str = "[[upstream prompt_tokens=4 completion_tokens=50 interval_ms=20]]";

/// An agent that says `served` to everybody.
const AGENT: &str = "served.example";

/// Three members, of which the second alone has a provider of the model `mock-beside`.
async fn cluster(mock: &Mock) -> Cluster {
    let mut cluster = Cluster::new(mock);
    let free = json!({ "in_usd_micros_per_million": 0, "out_usd_micros_per_million": 0 });
    for node in 1..=3 {
        let url = mock.url();
        let free = free.clone();
        let more = |setup: Setup| match node {
            2 => setup.provider("beside", "openai", &url, &["mock-beside"]),
            _ => setup,
        };
        cluster
            .join_with(node, |setup| more(setup).with("prices", json!({ AGENT: free })))
            .await;
    }
    cluster.is_whole().await;
    cluster
}

fn ask(model: &str, stream: bool) -> Value {
    json!({ "model": model, "stream": stream, "messages": [{ "role": "user", "content": SLOW }] })
}

/// Waits until the node lists the adapter as attached to `member`.
async fn knows(node: &Node, adapter: &str, member: u16) {
    until("an adapter to be known everywhere", async || {
        let list = node.get("/v1/admin/adapters").key(ADMIN_KEY).send().await;
        let list = list.ok().json();
        let list = list.as_array().expect("a list").iter();
        let mut at = list
            .filter(|one| one["id"] == adapter)
            .map(|one| one["node"].as_u64());
        at.any(|at| at == Some(u64::from(member))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_one_member_has_is_asked_for_at_any_and_is_down_with_its_member() {
    let mock = Mock::start();
    let mut cluster = cluster(&mock).await;
    let key = cluster.node(1).unlimited().await;
    for node in cluster.nodes() {
        serves(node, &key).await;
        knows(node, "beside", 2).await;
    }
    let first = cluster.node(1);
    let whole = first
        .chat(&key, ask("mock-beside", false))
        .send()
        .await
        .ok()
        .json();
    assert_eq!(whole["object"], "chat.completion", "{whole}");
    let mut stream = first.chat(&key, ask("mock-beside", true)).open().await;
    assert_eq!(stream.status, 200);
    stream.read_until("\"@").await;
    let text = stream.rest().await.text();
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");

    // Whoever leaves takes the call with it, over there too.
    let mut left = first.chat(&key, ask("mock-beside", true)).open().await;
    left.read_until("\"@").await;
    drop(left);
    until("the provider to be told", async || {
        (mock.stats().await.in_flight == 0).then_some(())
    })
    .await;

    let mut cut = first.chat(&key, ask("mock-beside", true)).open().await;
    cut.read_until("\"@").await;
    cluster.kill(2);
    let text = cut.rest().await.text();
    assert!(
        text.contains("\"agent-down\"") && text.contains("\"retryable\":true"),
        "{text}"
    );
    let first = cluster.node(1);
    for _ in 0..2 {
        let refused = first.chat(&key, ask("mock-beside", false)).send().await;
        assert_eq!(
            refused.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{}",
            refused.text()
        );
        until("the member to be missed", async || {
            let list = first
                .get("/v1/admin/adapters")
                .key(ADMIN_KEY)
                .send()
                .await
                .ok()
                .json();
            let mut list = list.as_array().expect("a list").iter();
            let is_down = |one: &Value| one["id"] == "beside" && one["health"] == "unhealthy";
            list.any(is_down).then_some(())
        })
        .await;
    }
    cluster.run(2).await;
    until("the provider to be asked again", async || {
        let reply = cluster.node(1).chat(&key, ask("mock-beside", false)).send().await;
        (reply.status == 200).then_some(())
    })
    .await;
}

fn frame(kind: &str, (session, stream): (&str, &str), seq: u32, flags: &[&str], content: Value) -> Message {
    let frame = json!({
        "v": 1, "session_id": session, "stream_id": stream, "msg_seq": seq, "frag_seq": 0, "flags": flags, "qos": "silver",
        "ttl": 8, "meta": {}, "window": { "max_parallel": 8, "max_tokens": 1_000_000, "max_usd_micros": 0 },
        "payload": { "type": kind, "content": content },
    });
    Message::text(frame.to_string())
}

/// Dials in to a node and works until the connection ends.
async fn agent(node: &Node) -> JoinHandle<()> {
    let url = format!("{}/ws", node.api.replacen("http", "ws", 1));
    let mut request = url.into_client_request().expect("a valid URL");
    let bearer = format!("Bearer {ADMIN_KEY}")
        .parse()
        .expect("a key is a header value");
    request.headers_mut().insert("authorization", bearer);
    let mut socket = connect_async(request).await.expect("the node upgrades").0;
    let control = ("-", "-");
    let hello = json!({
        "versions": ["1.1"], "encodings": ["json"], "compressions": [], "features": [], "role": "agent",
    });
    let capability = json!({
        "adapter_id": AGENT, "adapter_type": "agent", "capabilities": ["chat"], "models": [AGENT],
        "usage_mode": "cumulative",
    });
    let greeting = frame("control.hello", control, 0, &["SYN", "CTRL"], hello);
    let declaration = frame("adapter.capability", control, 0, &["CTRL"], capability);
    socket.send(greeting).await.expect("the node reads");
    socket.send(declaration).await.expect("the node reads");
    #[expect(clippy::disallowed_methods, reason = "the test's own runtime")]
    tokio::spawn(async move {
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else { continue };
            let asked: Value = serde_json::from_str(&text).expect("a frame of JSON");
            let text = |member: &str| asked[member].as_str().expect("a text").to_owned();
            let (session, stream) = (text("session_id"), text("stream_id"));
            let answer = match asked["payload"]["type"].as_str() {
                Some("agent.request") => {
                    let usage = json!({ "in_tokens": 1, "out_tokens": 1, "usd_micros": 0 });
                    let content = json!({ "text": "served", "usage": usage });
                    frame("agent.result.final", (&session, &stream), 1, &["FIN"], content)
                }
                Some("heartbeat") => frame("heartbeat", control, 0, &["HB", "ACK"], json!({})),
                _ => continue,
            };
            if socket.send(answer).await.is_err() {
                return;
            }
        }
    })
}

/// Waits until a request at `node` is answered by the agent.
async fn is_served(node: &Node, key: &str) {
    let mut last = String::new();
    until("the agent to serve", async || {
        let reply = node.chat(key, ask(AGENT, false)).send().await;
        last = reply.text();
        (reply.status == 200 && last.contains("served")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_agent_serves_all_members_and_dials_another_when_its_own_is_lost() {
    let mock = Mock::start();
    let mut cluster = cluster(&mock).await;
    let key = cluster.node(1).unlimited().await;
    for node in cluster.nodes() {
        serves(node, &key).await;
    }
    let connection = agent(cluster.node(2)).await;
    is_served(cluster.node(1), &key).await;
    is_served(cluster.node(3), &key).await;
    cluster.kill(2);
    connection.await.expect("the agent hears of it");
    let _again = agent(cluster.node(3)).await;
    knows(cluster.node(1), AGENT, 3).await;
    is_served(cluster.node(1), &key).await;
}
