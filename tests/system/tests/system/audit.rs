//! The audit log of a node: what is in it, and that whatever is done to it afterwards is found.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::UNIX_EPOCH;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::fixture::{Node, Setup};

const TEXT: &str = "Routers forward requests. Requests carry budgets. Budgets are never exceeded.";

const POLICY: &str = "
policies:
  - id: default
    fanout: [summarizer.local]
    k: 1
    strategy: first_win
  - id: both
    priority: 10
    match: { task_type: both }
    fanout: [keywords.local, summarizer.local]
    k: 2
    strategy: weighted_merge
";

fn setup() -> Setup {
    Setup::new()
        .builtin("summarizer.local")
        .builtin("keywords.local")
        .policy(POLICY)
}

fn atpctl(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ctl-under-test"))
        .arg("audit")
        .args(args)
        .env_clear()
        .output()
        .expect("atpctl can be run")
}

/// What `atpctl audit … --json` says of a log, and its exit code.
fn checked(log: &Path, more: &[&str]) -> (Option<i32>, Value) {
    let path = log.to_str().expect("temporary files have plain names");
    let output = atpctl(&[&["verify", "--json", path], more].concat());
    let said = String::from_utf8(output.stdout).expect("text");
    (
        output.status.code(),
        serde_json::from_str(&said).unwrap_or_default(),
    )
}

fn is_whole(log: &Path) -> Value {
    let (code, report) = checked(log, &[]);
    assert_eq!((code, &report["ok"]), (Some(0), &json!(true)), "{report}");
    report
}

/// Every record, through `atpctl audit tail`.
fn records(log: &Path) -> Vec<Value> {
    let path = log.to_str().expect("temporary files have plain names");
    let output = atpctl(&["tail", "--json", "-n", "10000", path]);
    let said = String::from_utf8(output.stdout).expect("text");
    let lines = said
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    lines.map(|line| line["record"].clone()).collect()
}

/// The records of an event whose members are those of `like`.
fn like(records: &[Value], like: &Value) -> usize {
    let like = like.as_object().expect("members");
    let is_like = |record: &&Value| like.iter().all(|(name, value)| record[name] == *value);
    records.iter().filter(is_like).count()
}

/// Sends a heartbeat twice under one nonce.
async fn replay_a_frame(node: &Node, key: &str) {
    let url = format!("{}/ws", node.api.replacen("http", "ws", 1));
    let mut request = url.into_client_request().expect("a valid URL");
    let bearer = format!("Bearer {key}").parse().expect("a key is a header value");
    request.headers_mut().insert("authorization", bearer);
    let mut socket = connect_async(request).await.expect("the node upgrades").0;
    let now = u64::try_from(UNIX_EPOCH.elapsed().expect("after 1970").as_millis()).expect("not that late");
    let frame = |flags: &[&str], payload: Value| {
        json!({
            "v": 1, "session_id": "chat", "stream_id": "-", "msg_seq": 0, "flags": flags, "qos": "silver", "ttl": 8,
            "meta": {}, "window": { "max_parallel": 4, "max_tokens": 100, "max_usd_micros": 100 },
            "payload": payload,
        })
    };
    let offer =
        json!({ "versions": ["1.1"], "encodings": ["json"], "qos": ["silver"], "features": ["nonce"] });
    let hello = frame(
        &["SYN", "CTRL"],
        json!({ "type": "control.hello", "content": offer }),
    );
    let mut beat = frame(&["HB"], json!({ "type": "heartbeat", "content": {} }));
    (beat["nonce"], beat["ts"]) = (json!("nonce-0123456789"), json!(now));
    for (said, answer) in [
        (&hello, "control.hello_ack"),
        (&beat, "heartbeat"),
        (&beat, "EREPLAY"),
    ] {
        let message = Message::text(said.to_string());
        socket.send(message).await.expect("the node reads");
        let heard = loop {
            match socket.next().await.expect("the node goes on").expect("a message") {
                Message::Text(text) => break text,
                _ => continue,
            }
        };
        assert!(heard.contains(answer), "no {answer} in {heard}");
    }
}

/// A node that has seen something of everything and stopped; its log, and what must not be in it.
async fn lived() -> (Setup, PathBuf, Vec<String>) {
    let node = setup().start().await;
    let key = node.tenant("acme", json!({ "limit_tokens": 1_000_000 })).await;
    let poor = node.tenant("poor", json!({ "limit_tokens": 1 })).await;
    let body = json!({ "model": "summarizer.local", "messages": [{ "role": "user", "content": TEXT }] });
    let chat = |key: &str| node.chat(key, body.clone()).header("x-session-id", "chat");
    chat(&key).send().await.ok();
    let plain = node.chat(&key, body.clone()).send().await.ok();
    let refused = node.chat(&poor, body.clone()).send().await;
    assert_eq!(refused.status, 402, "{}", refused.text());
    let both = json!({ "task_type": "both", "prompt": TEXT });
    node.post("/v1/ask", both).key(&key).send().await.ok();
    replay_a_frame(&node, &key).await;
    let unnoticed = plain.header("x-correlation-id").to_owned();
    node.terminate();
    let (status, setup) = node.ended().await;
    assert!(status.success(), "{status}");
    let log = setup.path("data").join("audit");
    (setup, log, vec![TEXT.to_owned(), key, poor, unnoticed])
}

#[tokio::test]
async fn what_happened_is_on_record_and_a_restart_goes_on_with_the_chain() {
    let (setup, log, secrets) = lived().await;
    let first = is_whole(&log);
    let told = records(&log);
    let expected = [
        (1, json!({ "event": "node.start", "cut_bytes": 0 })),
        (1, json!({ "event": "account.set", "account": "poor" })),
        (
            1,
            json!({ "event": "session.open", "tenant": "acme", "session": "chat" }),
        ),
        (1, json!({ "event": "session.open" })),
        (1, json!({ "event": "session.window", "session": "chat" })),
        (
            1,
            json!({ "event": "error", "tenant": "poor", "code": "EBUDGET", "scope": "stream" }),
        ),
        (1, json!({ "event": "error" })),
        (1, json!({ "event": "reconcile", "tenant": "acme" })),
        (
            1,
            json!({ "event": "frame.refuse", "tenant": "acme", "code": "EREPLAY" }),
        ),
        (
            1,
            json!({ "event": "session.close", "session": "chat", "reason": "stopping" }),
        ),
        (1, json!({ "event": "node.stop" })),
        (0, json!({ "event": "audit.gap" })),
    ];
    for (count, members) in expected {
        assert_eq!(like(&told, &members), count, "{members} in {told:#?}");
    }
    let text: String = told.iter().map(Value::to_string).collect();
    for secret in &secrets {
        assert!(!text.contains(secret), "{secret} in {text}");
    }

    let node = setup.start().await;
    node.account("acme", json!({ "limit_tokens": 2_000_000 })).await;
    let setup = node.kill();
    let node = setup.start().await;
    node.terminate();
    let (_, _setup) = node.ended().await;
    let second = is_whole(&log);
    assert!(second["records"].as_u64() > first["records"].as_u64(), "{second}");
    let head = first["head"].as_str().expect("a head");
    let (code, _) = checked(&log, &["--expect", head]);
    assert_eq!(code, Some(0), "the chain holds what it held before");
}

#[tokio::test]
async fn a_record_that_was_altered_or_removed_is_named() {
    let (setup, log, _) = lived().await;
    let head = is_whole(&log)["head"].as_str().expect("a head").to_owned();
    let file = log.join("00000000000000000001.jsonl");
    let text = fs::read_to_string(&file).expect("a file of text");
    let spoil = |spoilt: &str| fs::write(&file, spoilt).expect("the file can be written");

    spoil(&text.replacen(r#""limit_tokens":1,"#, r#""limit_tokens":9,"#, 1));
    let (code, said) = checked(&log, &[]);
    assert_eq!((code, &said["ok"]), (Some(1), &json!(false)), "{said}");
    let line = 1 + text
        .lines()
        .position(|line| line.contains(r#""limit_tokens":1,"#))
        .expect("the account was set");
    assert_eq!(said["line"], line, "{said}");
    assert!(said["flaw"].as_str().expect("text").contains("changed"), "{said}");

    spoil(
        &text
            .lines()
            .skip(1)
            .map(|line| format!("{line}\n"))
            .collect::<String>(),
    );
    assert_eq!(checked(&log, &[]).0, Some(1));
    let cut: String = text.lines().take(3).map(|line| format!("{line}\n")).collect();
    spoil(&cut);
    assert_eq!(checked(&log, &[]).0, Some(0), "a chain cannot know its end");
    assert_eq!(checked(&log, &["--expect", &head]).0, Some(1));

    spoil(&text.replacen("node.start", "node.smart", 1));
    let refused = setup.start_refused();
    assert!(refused.contains("audit log is damaged"), "{refused}");
}

#[tokio::test]
async fn a_node_that_is_told_so_keeps_none() {
    let node = setup().with("audit", json!({ "enabled": false })).start().await;
    node.unlimited().await;
    node.terminate();
    let (_, setup) = node.ended().await;
    assert!(setup.path("data").join("leases").exists());
    assert!(!setup.path("data").join("audit").exists());
}
