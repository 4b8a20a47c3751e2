//! Input that no well-meaning client sends. The node answers in its own words, goes on serving, and keeps nothing.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use atp_load::process;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::fixture::{DEADLINE, Mock, Node, Setup, until, within};

const CHAT: &str = "/v1/chat/completions";

async fn node() -> (Mock, Node, String) {
    let mock = Mock::start();
    let node = Setup::with_mock(&mock)
        .with(
            "limits",
            json!({ "max_body_bytes": 1 << 20, "read_timeout_ms": 1_000 }),
        )
        .start()
        .await;
    let key = node.unlimited().await;
    (mock, node, key)
}

/// The node serves, and nothing that came before is held.
async fn is_well(node: &Node, key: &str) {
    let body = json!({ "model": "mock", "messages": [{ "role": "user", "content": "hi" }] });
    node.chat(key, body).send().await.ok();
    node.settled("acme").await;
}

/// Sends bytes as they are and reads the answer until the node closes the connection.
fn raw(node: &Node, bytes: &[u8]) -> String {
    let address = node.api.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(address).expect("the node listens");
    stream
        .set_read_timeout(Some(DEADLINE))
        .expect("a timeout above zero");
    // The node may have refused the head and closed before all was written.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read) = stream.read(&mut buffer) {
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..read]);
    }
    let _ = stream.shutdown(Shutdown::Both);
    String::from_utf8_lossy(&answer).into_owned()
}

fn bodies() -> Vec<(Vec<u8>, &'static [u16])> {
    let deep_value = [b"{\"model\":\"mock\",\"x\":".to_vec(), b"[".repeat(1 << 19)].concat();
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        (text(""), &[400]),
        (text("{"), &[400]),
        (text("nul"), &[400]),
        (text("[1,2]"), &[400, 422]),
        (text("{\"model\":\"mock\",\"messages\":[]}trailing"), &[400]),
        (text("{\"model\":NaN}"), &[400]),
        (
            b"{\"model\":\"mock\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe\"}]}".to_vec(),
            &[400],
        ),
        (
            b"{\"model\":\"mock\",\"x\":\"\xc0\xaf\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"
                .to_vec(),
            &[400],
        ),
        (text("{\"model\":\"\\ud800\",\"messages\":[]}"), &[400, 404, 422]),
        (b"[".repeat((1 << 20) - 1), &[400]),
        (deep_value, &[400]),
        (text("{\"model\":7,\"messages\":[]}"), &[422]),
        (text("{\"model\":\"mock\",\"messages\":{}}"), &[422]),
        (
            text("{\"model\":\"mock\",\"messages\":[{\"role\":\"user\",\"content\":{\"a\":1}}]}"),
            &[422],
        ),
        (
            text(
                "{\"model\":\"mock\",\"stream\":\"yes\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
            ),
            &[422],
        ),
        (
            text(
                "{\"model\":\"mock\",\"max_tokens\":-1,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
            ),
            &[422],
        ),
        (vec![b' '; (1 << 20) + 1], &[413]),
    ]
}

#[tokio::test]
async fn bodies_that_make_no_sense_are_refused_in_the_surfaces_shape() {
    let (mock, node, key) = node().await;
    for (path, member) in [
        (CHAT, "error"),
        ("/v1/messages", "error"),
        ("/v1/embeddings", "error"),
        ("/v1/ask", "detail"),
    ] {
        for (body, statuses) in bodies() {
            let what = format!(
                "{path} {:?}",
                String::from_utf8_lossy(&body[..body.len().min(60)])
            );
            let is_about_chat = statuses.contains(&422) && body[0] == b'{';
            if is_about_chat && path != CHAT {
                continue;
            }
            let reply = node
                .request(http::Method::POST, path, body)
                .key(&key)
                .send()
                .await;
            assert!(
                statuses.contains(&reply.status),
                "{what}: {} {}",
                reply.status,
                reply.text()
            );
            assert!(!reply.json()[member].is_null(), "{what}: {}", reply.text());
            assert!(reply.body.len() < 2_000, "{what}: {}", reply.body.len());
        }
    }
    assert_eq!(mock.stats().await.requests, 0, "nothing of it got through");
    is_well(&node, &key).await;
}

#[tokio::test]
async fn memory_stays_flat_under_hostile_bodies() {
    let (_mock, node, key) = node().await;
    let round = async || {
        for (body, _) in bodies() {
            node.request(http::Method::POST, CHAT, body)
                .key(&key)
                .send()
                .await;
        }
    };
    // The allocator's high-water mark is reached in the first rounds.
    for _ in 0..5 {
        round().await;
    }
    let before = process::usage(node.pid()).expect("the node runs").rss_bytes;
    for _ in 0..20 {
        round().await;
    }
    let after = process::usage(node.pid()).expect("the node runs").rss_bytes;
    assert!(after < before + (8 << 20), "{before} grew to {after}");
    is_well(&node, &key).await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_as_the_paths_protocol_does() {
    let (_mock, node, key) = node().await;
    for (method, path, status) in [
        (http::Method::GET, "/nothing", 404),
        (http::Method::POST, "/v1/nothing/at/all", 404),
        (http::Method::GET, "/v1/../etc/passwd", 404),
        (http::Method::PUT, "/v1/ask", 405),
    ] {
        let reply = node.request(method.clone(), path, "").key(&key).send().await;
        assert_eq!(reply.status, status, "{method} {path}");
        assert_eq!(
            reply.header("content-type"),
            "application/problem+json",
            "{method} {path}"
        );
        assert_eq!(reply.json()["status"], status, "{method} {path}");
    }
    for (method, path) in [(http::Method::GET, CHAT), (http::Method::DELETE, "/v1/models")] {
        let reply = node.request(method.clone(), path, "").key(&key).send().await;
        assert_eq!(reply.status, 405, "{method} {path}");
        let error = &reply.json()["error"];
        assert_eq!(error["type"], "invalid_request_error", "{method} {path}: {error}");
    }
}

#[tokio::test]
async fn a_bad_key_learns_nothing() {
    let (_mock, node, key) = node().await;
    let other_end = if key.ends_with('x') { 'y' } else { 'x' };
    let known_id = format!("{}{other_end}", &key[..key.len() - 1]);
    let unknown_id = format!("atp_000000000000_{}", &key[key.len() - 40..]);
    let mut told = Vec::new();
    for wrong in [
        "",
        "x",
        "atp_",
        &known_id,
        &unknown_id,
        &key[..key.len() - 1],
        "system-test-operato",
    ] {
        let reply = node
            .post(CHAT, "{}")
            .key(wrong)
            .header("x-correlation-id", "c")
            .send()
            .await;
        assert_eq!(reply.status, 401, "{wrong}");
        told.push(reply.text());
        let admin = node.get("/v1/admin/accounts").key(wrong).send().await;
        assert_eq!(admin.status, 401, "{wrong}");
    }
    told.dedup();
    assert_eq!(told.len(), 1, "all are refused alike: {told:#?}");
    let foreign = node.get("/v1/admin/accounts").key(&key).send().await;
    assert_eq!(foreign.status, 403);
    let both = node
        .get("/v1/models")
        .key("wrong")
        .header("x-api-key", &key)
        .send()
        .await;
    assert_eq!(both.status, 401, "a wrong key is not made up for by another");
}

#[tokio::test]
async fn what_a_client_says_reaches_no_header_of_ours() {
    let (_mock, node, key) = node().await;
    let head =
        format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\n");
    for (line, status) in [
        ("x-correlation-id: a\r\n evil: 1\r\n", "400"),
        ("x-correlation-id: a\u{1}b\r\n", "400"),
        ("bad header\r\n", "400"),
        ("content-length: 1\r\ncontent-length: 2\r\n", "400"),
        ("content-length: 5\r\ntransfer-encoding: chunked\r\n", "400"),
        ("transfer-encoding: chunked, identity\r\n", "400"),
    ] {
        let answer = raw(&node, format!("{head}{line}\r\n").as_bytes());
        let told = answer.lines().next().unwrap_or_default().to_owned();
        assert!(told.is_empty() || told.contains(status), "{line:?}: {answer}");
        assert!(!answer.to_lowercase().contains("evil"), "{line:?}: {answer}");
    }
    let model = "mock\\r\\nx-evil: 1";
    let body = format!("{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"user\",\"content\":\"x\"}}]}}");
    let reply = node.post(CHAT, body).key(&key).send().await;
    assert_eq!(reply.status, 404);
    assert!(!reply.headers.contains_key("x-evil"));
    is_well(&node, &key).await;
}

#[tokio::test]
async fn slow_heads_and_bodies_are_let_go_of() {
    let (_mock, node, key) = node().await;
    let address = node.api.strip_prefix("http://").expect("plain HTTP").to_owned();
    let beginnings = [
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n".to_owned(),
        format!(
            "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 100\r\n\r\n{{"
        ),
    ];
    for beginning in beginnings {
        let connections = futures_util::future::join_all((0..50).map(|_| async {
            let mut stream = tokio::net::TcpStream::connect(&address)
                .await
                .expect("the node listens");
            stream
                .write_all(beginning.as_bytes())
                .await
                .expect("the node reads");
            let mut answer = String::new();
            // The node closes, with or without a word.
            let _ = within(
                "a slow client to be let go of",
                stream.read_to_string(&mut answer),
            )
            .await;
            answer
        }));
        let (answers, ()) = futures_util::future::join(connections, is_well(&node, &key)).await;
        for answer in answers {
            let status = answer.split(' ').nth(1).unwrap_or("408");
            assert_eq!(status, "408", "{answer}");
        }
    }
    is_well(&node, &key).await;
}

#[tokio::test]
async fn connections_that_break_off_anywhere_leave_nothing() {
    let (mock, node, key) = node().await;
    let address = node.api.strip_prefix("http://").expect("plain HTTP").to_owned();
    let body = json!({ "model": "mock", "stream": true, "messages": [{ "role": "user", "content": "[[upstream completion_tokens=200 interval_ms=1]]" }] }).to_string();
    let request = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    for cut in (0..=request.len()).step_by(7).chain([request.len()]) {
        let mut stream = tokio::net::TcpStream::connect(&address)
            .await
            .expect("the node listens");
        stream
            .write_all(&request.as_bytes()[..cut])
            .await
            .expect("the node reads");
        drop(stream);
    }
    until("the provider to be rid of it all", async || {
        (mock.stats().await.in_flight == 0).then_some(())
    })
    .await;
    is_well(&node, &key).await;
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let (_mock, node, key) = node().await;
    let mut head = format!("GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n");
    for n in 0..20_000 {
        head += &format!("x-{n}: {}\r\n", "y".repeat(20));
    }
    let answer = raw(&node, head.as_bytes());
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    tokio::time::timeout(Duration::from_secs(5), is_well(&node, &key))
        .await
        .expect("the node goes on serving");
}
