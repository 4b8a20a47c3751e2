//! Streams whose owner is lost: read on at another node, with nothing lost, doubled or numbered anew (atp.md 13.4).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fixture::Cluster;
use crate::fixture::{Mock, Node, until};

/// Tokens of the prompt and of the answer.
const TOKENS: (u64, u64) = (4, 20);

/// Opens a stream at `node`, in a session that another may own. `pace` says when the provider answers.
pub(super) async fn open(node: &Node, key: &str, session: Option<&str>, pace: &str) -> Value {
    let (prompt, completion) = TOKENS;
    let marker = format!("[[upstream prompt_tokens={prompt} completion_tokens={completion} {pace}]]");
    let mut body = json!({ "task": { "prompt": marker, "model": "mock" } });
    if let Some(session) = session {
        body["session_id"] = session.into();
    }
    let opened = node.post("/v1/streams", body).key(key).send().await;
    assert_eq!(opened.status, 201, "{}", opened.text());
    opened.json()
}

fn path(stream: &Value, rest: &str) -> String {
    format!(
        "/v1/streams/{}{rest}",
        stream["stream_id"].as_str().expect("an id")
    )
}

/// Frames of a stream, from after `last` on, once a node has them to the end.
pub(super) async fn events(node: &Node, key: &str, stream: &Value, last: &str) -> Vec<Value> {
    until("a stream to be read to its end", async || {
        let get = node.get(&path(stream, "/events")).key(key);
        let reply = get.header("last-event-id", last).attempt().await?;
        assert!([200, 500, 503].contains(&reply.status), "{}", reply.text());
        let events = reply.events();
        let events: Vec<Value> = events
            .iter()
            .map(|event| serde_json::from_str(event).expect("frames are JSON"))
            .collect();
        let has_ended = events
            .last()
            .is_some_and(|event| ["final", "error"].contains(&kind(event)));
        has_ended.then_some(events)
    })
    .await
}

fn kind(frame: &Value) -> &str {
    let name = frame["payload"]["type"].as_str().expect("a type");
    name.rsplit('.').next().expect("at least one part")
}

fn finals(events: &[Value]) -> usize {
    events.iter().filter(|event| kind(event) == "final").count()
}

/// Comes back with the token of the stream; the answer.
async fn resume(node: &Node, key: &str, stream: &Value) -> Value {
    let body = json!({ "resume_token": stream["resume_token"], "lanes": [{ "cum": 1 }] });
    let reply = node.post(&path(stream, "/resume"), body).key(key).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn a_stream_goes_on_at_another_node_when_its_owner_is_killed() {
    let mock = Mock::start();
    let mut cluster = Cluster::start(&mock, 3).await;
    cluster.leaders().await;
    cluster.node(1).account("acme", json!({})).await;
    let key = cluster.node(1).key("acme").await;
    super::fixture::serves(cluster.node(1), &key).await;
    super::fixture::serves(cluster.node(2), &key).await;
    super::fixture::serves(cluster.node(3), &key).await;

    // Opened at the second node, and by way of the first in the same session, so owned by the second too.
    let ended = open(cluster.node(2), &key, None, "interval_ms=0").await;
    let session = ended["session_id"].as_str();
    let told = events(cluster.node(1), &key, &ended, "").await;
    assert_eq!(finals(&told), 1, "{told:?}");
    let middle = open(cluster.node(1), &key, session, "interval_ms=200").await;
    let silent = open(cluster.node(1), &key, session, "delay_ms=2000 interval_ms=0").await;
    let get = cluster.node(1).get(&path(&middle, "/events")).key(&key);
    let mut reader = get.open().await;
    let mut read = reader.read_until("event: partial").await;
    read += &reader.read_until("event: partial").await;
    let last = read
        .lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .next_back();
    let last = last.expect("partials are numbered").to_owned();

    cluster.kill(2);
    #[expect(clippy::disallowed_methods, reason = "how long a client waits is the finding")]
    let killed = Instant::now();
    let again = events(cluster.node(3), &key, &ended, "").await;
    let first_byte = killed.elapsed();
    println!("first byte of a resumed stream {first_byte:?} after its owner was killed");
    assert_eq!(again.last(), told.last());
    assert!(first_byte < Duration::from_secs(10), "{first_byte:?}");

    // What had delivered something ends with what there is.
    let rest = events(cluster.node(3), &key, &middle, &last).await;
    let error = &rest.last().expect("there is an end")["payload"]["content"];
    assert_eq!(
        (finals(&rest), &error["code"]),
        (0, &json!("EAGENTDOWN")),
        "{rest:?}"
    );
    assert!(rest.iter().all(|event| kind(event) != "partial"), "{rest:?}");

    // What had not begins anew, and is told once.
    let ack = resume(cluster.node(3), &key, &silent).await;
    assert_eq!((&ack["ok"], &ack["expect"]), (&json!(true), &json!(2)), "{ack}");
    let used = cluster.node(1).post(
        &path(&silent, "/resume"),
        json!({ "resume_token": silent["resume_token"] }),
    );
    assert_eq!(used.key(&key).send().await.json()["wire_code"], "ERESUME");
    let whole = events(cluster.node(3), &key, &silent, "").await;
    assert_eq!(finals(&whole), 1, "{whole:?}");
    let numbers: Vec<u64> = whole
        .iter()
        .filter(|event| ["partial", "final"].contains(&kind(event)))
        .map(|event| event["msg_seq"].as_u64().expect("a number"))
        .collect();
    let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, expected, "{whole:?}");
    assert_eq!(
        events(cluster.node(1), &key, &silent, "").await.last(),
        whole.last()
    );
}

#[tokio::test]
async fn a_stream_that_was_taken_over_is_settled_once() {
    let mock = Mock::start();
    let mut cluster = Cluster::start(&mock, 3).await;
    cluster.leaders().await;
    let key = cluster
        .node(1)
        .tenant("acme", json!({ "limit_usd_micros": 1_000_000 }))
        .await;
    super::fixture::serves(cluster.node(2), &key).await;
    super::fixture::serves(cluster.node(3), &key).await;
    let before = cluster.node(3).settled("acme").await;
    let settled = |balance: &Value| balance["settled_usd_micros"].as_u64().expect("a number");

    let stream = open(cluster.node(2), &key, None, "delay_ms=2000 interval_ms=0").await;
    cluster.kill(2);
    let told = events(cluster.node(3), &key, &stream, "").await;
    assert_eq!(finals(&told), 1, "{told:?}");
    // A micro-dollar for each token of the prompt and two for each of the answer.
    let once = settled(&before) + TOKENS.0 + 2 * TOKENS.1;
    let is_once = async |node: &Node| {
        until("the stream to be settled", async || {
            let balance = node.balance("acme").await;
            assert!(settled(&balance) <= once, "{balance}");
            (settled(&balance) == once).then_some(())
        })
        .await;
    };
    is_once(cluster.node(3)).await;
    // What the lost owner held for a call of which it heard nothing stays held: it is no settlement.
    cluster.run(2).await;
    cluster.is_whole().await;
    for node in 1..=3 {
        let again = events(cluster.node(node), &key, &stream, "").await;
        assert_eq!(again.last(), told.last());
        is_once(cluster.node(node)).await;
    }
}
