//! What a client is told when there is no answer, and what its connection comes to.

use atp_node::config::Config;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fixture::{DEADLINE, Manner, Scripted, on_node, on_node_with};

const POLICY: &str = "
policies:
  - id: default
    fanout: [busy]
    k: 1
";

#[test]
fn a_failure_before_the_first_byte_is_a_status_on_every_surface() {
    on_node(async |node| {
        Scripted::join(&node, "busy", Manner::Busy).await;
        let applied = node.admin("PUT", "/v1/admin/policy").body(POLICY).send().await;
        assert_eq!(applied.status(), 200, "{}", applied.text());
        let messages = json!([{ "role": "user", "content": "hi" }]);
        let completion =
            json!({ "model": "busy-model", "stream": true, "max_tokens": 9, "messages": messages });
        for (path, body) in [
            ("/v1/chat/completions", &completion),
            ("/v1/messages", &completion),
            ("/v1/ask", &json!({ "prompt": "hi", "model": "busy-model" })),
        ] {
            let reply = node.ask("POST", path).json(body).send().await;
            assert_eq!(reply.status(), 503, "{path}: {}", reply.text());
            assert_eq!(reply.header("retry-after"), Some("2"), "{path}: {}", reply.text());
            let told: Value = reply.json();
            assert!(told.to_string().contains("told to be busy"), "{path}: {told}");
        }
    });
}

#[test]
fn an_upload_without_an_end_is_not_read_on_after_the_refusal() {
    on_node(async |node| {
        for path in ["/v1/chat/completions", "/v1/capabilities", "/nowhere"] {
            let stream = TcpStream::connect(node.node.api).await.expect("the node listens");
            let (mut read, mut write) = stream.into_split();
            let head = format!("POST {path} HTTP/1.1\r\nhost: node\r\ntransfer-encoding: chunked\r\n\r\n");
            write.write_all(head.as_bytes()).await.expect("a head is taken");
            let mut told = Vec::new();
            let until_closed = read.read_to_end(&mut told);
            tokio::time::timeout(DEADLINE, until_closed)
                .await
                .expect("the node closes")
                .expect("a whole reply");
            let told = String::from_utf8(told).expect("text");
            assert!(told.starts_with("HTTP/1.1 4"), "{path}: {told}");
            assert!(told.contains("connection: close"), "{path}: {told}");
        }
    });
}

#[test]
fn a_client_too_slow_with_its_body_is_told_so_and_not_of_an_upstream() {
    // Heads are held to the same limit, by a clock that the library reads twice a second.
    let hurried = |config: &mut Config| config.limits.read_timeout_ms = 1_000;
    on_node_with(hurried, async |node| {
        for path in ["/v1/chat/completions", "/v1/ask"] {
            let mut stream = TcpStream::connect(node.node.api).await.expect("the node listens");
            let key = &node.key;
            let begun = format!(
                "POST {path} HTTP/1.1\r\nhost: node\r\nauthorization: Bearer {key}\r\ncontent-length: 9\r\n\r\n{{"
            );
            stream.write_all(begun.as_bytes()).await.expect("a head is taken");
            let mut told = Vec::new();
            tokio::time::timeout(DEADLINE, stream.read_to_end(&mut told))
                .await
                .expect("the node closes")
                .expect("a whole reply");
            let told = String::from_utf8(told).expect("text");
            assert!(told.starts_with("HTTP/1.1 408 "), "{path}: {told}");
            assert!(told.contains("did not arrive in time"), "{path}: {told}");
            assert!(!told.contains("upstream"), "{path}: {told}");
        }
    });
}
