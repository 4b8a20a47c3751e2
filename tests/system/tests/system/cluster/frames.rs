//! Frames of streams that another node owns, over the connection of any node, and coming back to them at any other.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fixture::{Cluster, owner_of, serves};
use super::socket::{Socket, kind, says, token};
use crate::fixture::{Mock, until};

/// An answer that takes a second.
const SLOW: &str = "[[upstream prompt_tokens=4 completion_tokens=50 interval_ms=20]]";

async fn cluster(mock: &Mock) -> (Cluster, String) {
    let cluster = Cluster::start(mock, 3).await;
    cluster.leaders().await;
    let key = cluster.node(1).unlimited().await;
    for node in cluster.nodes() {
        serves(node, &key).await;
    }
    (cluster, key)
}

fn number(frame: &Value) -> u64 {
    frame["msg_seq"].as_u64().expect("a number")
}

fn session(number: usize) -> String {
    format!("session-{number}")
}

#[tokio::test]
async fn each_stream_runs_at_its_owner_whichever_connection_it_came_over() {
    let mock = Mock::start();
    let (cluster, key) = cluster(&mock).await;
    let mut socket = Socket::open(&cluster.node(1).api, &key, "?session_id=session-0").await;
    let sessions = 0..12;
    for at in sessions.clone() {
        socket.ask(&session(at), &format!("a{at}"), SLOW).await;
    }
    let mut owners = BTreeSet::new();
    for at in sessions.clone() {
        owners.insert(owner_of(&cluster, &session(at)).await);
    }
    assert!(owners.len() > 1, "one of three owns them all: {owners:?}");
    for at in sessions {
        let said = socket.rest(&format!("a{at}")).await;
        let last = said.last().expect("there is a last");
        assert_eq!(kind(last), "final", "{last}");
        let numbers: Vec<u64> = said.iter().map(number).collect();
        let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
        assert_eq!(numbers, expected, "{said:?}");
    }
}

#[tokio::test]
async fn a_client_that_asks_for_it_is_told_where_the_owner_is() {
    let mock = Mock::start();
    let (cluster, key) = cluster(&mock).await;
    let mut socket = Socket::open(&cluster.node(1).api, &key, "?redirect=true").await;
    let mut moved = 0;
    for at in 0..12 {
        let (session, stream) = (session(at), format!("a{at}"));
        socket.ask(&session, &stream, "hi").await;
        let said = socket.rest(&stream).await;
        let last = said.last().expect("there is a last");
        if kind(last) == "final" {
            continue;
        }
        moved += 1;
        let error = &last["payload"]["content"];
        assert_eq!(error["code"], "EMOVED", "{last}");
        let url = error["location"]["url"].as_str().expect("where it is");
        assert!(cluster.nodes().any(|node| node.api == url), "{error}");
        let mut there = Socket::open(url, &key, "?redirect=true").await;
        there.ask(&session, &stream, "hi").await;
        assert_eq!(there.rest(&stream).await.last().map(kind), Some("final"));
    }
    assert!(moved > 0, "the first node owns every session");
}

/// A stream over WebSocket, of which something was read.
struct Begun {
    session: String,
    token: String,
    read: Vec<Value>,
}

/// Opens a stream at a node and reads `messages` of it.
async fn begin(socket: &mut Socket, session: &str, prompt: &str, messages: usize) -> Begun {
    socket.ask(session, "a", prompt).await;
    let granted = socket
        .next_of(|frame| frame["stream_id"] == "a" && token(frame).is_some())
        .await;
    let mut read = Vec::new();
    for _ in 0..messages {
        read.push(
            socket
                .next_of(|frame| frame["stream_id"] == "a" && says(frame))
                .await,
        );
    }
    Begun {
        session: session.to_owned(),
        token: token(&granted).expect("looked for"),
        read,
    }
}

/// Comes back to it at a node, and reads it to its end.
async fn come_back(cluster: &Cluster, at: u16, key: &str, begun: &Begun) -> Vec<Value> {
    let cum = begun.read.last().map_or(0, number);
    until("a stream to be resumed", async || {
        let mut socket = Socket::attempt(&cluster.node(at).api, key, "").await?;
        socket.hello().await;
        socket.resume(&begun.session, "a", &begun.token, cum).await;
        let answer = socket
            .next_of(|frame| kind(frame) == "resume_ack" || kind(frame) == "error")
            .await;
        if kind(&answer) == "error" {
            // Until it is taken over.
            let error = &answer["payload"]["content"];
            assert_eq!(error["retryable"], true, "{error}");
            return None;
        }
        assert_eq!(answer["payload"]["content"]["ok"], json!(true), "{answer}");
        let mut all = begun.read.clone();
        all.extend(socket.rest("a").await);
        Some(all)
    })
    .await
}

/// All numbers once and in order, and one final.
fn check(all: &[Value]) {
    let numbered: Vec<u64> = all
        .iter()
        .filter(|frame| kind(frame) != "error")
        .map(number)
        .collect();
    let expected: Vec<u64> = (1..=numbered.len() as u64).collect();
    assert_eq!(numbered, expected, "{all:?}");
    let finals = all.iter().filter(|frame| kind(frame) == "final").count();
    assert_eq!(finals, 1, "{all:?}");
}

#[tokio::test]
async fn a_stream_over_websocket_goes_on_at_any_node_when_the_clients_node_is_killed() {
    let mock = Mock::start();
    let (mut cluster, key) = cluster(&mock).await;
    let mut socket = Socket::open(&cluster.node(2).api, &key, "").await;
    socket.hello().await;

    // One of another owner, whose run goes on, and one of the node itself that has said nothing.
    let mut running = None;
    let mut silent = None;
    for at in 0..64 {
        let session = session(at);
        socket.ask(&session, "probe", SLOW).await;
        let owner = owner_of(&cluster, &session).await;
        if owner != 2 && running.is_none() {
            let prompt = "[[upstream prompt_tokens=4 completion_tokens=50 interval_ms=50]]";
            running = Some(begin(&mut socket, &session, prompt, 3).await);
        } else if owner == 2 && silent.is_none() {
            let prompt = "[[upstream prompt_tokens=4 completion_tokens=9 delay_ms=4000 interval_ms=0]]";
            let mut other = Socket::open(&cluster.node(2).api, &key, "").await;
            other.hello().await;
            silent = Some((begin(&mut other, &session, prompt, 0).await, other));
        }
        if running.is_some() && silent.is_some() {
            break;
        }
    }
    let (running, (silent, _other)) = (running.expect("others own some"), silent.expect("it owns some"));
    cluster.kill(2);

    let all = come_back(&cluster, 3, &key, &running).await;
    check(&all);
    let all = come_back(&cluster, 1, &key, &silent).await;
    check(&all);
    // Whoever asks again is given the same last word.
    let path = format!("/v1/streams/a?session_id={}", silent.session);
    let state = cluster.node(3).get(&path).key(&key).send().await.ok().json();
    assert_eq!(state["state"], "CLOSED", "{state}");
}

#[tokio::test]
async fn a_client_whose_owner_is_killed_keeps_its_connection_and_resumes_over_it() {
    let mock = Mock::start();
    let (mut cluster, key) = cluster(&mock).await;
    let mut socket = Socket::open(&cluster.node(1).api, &key, "").await;
    socket.hello().await;
    let prompt = "[[upstream prompt_tokens=4 completion_tokens=9 delay_ms=4000 interval_ms=0]]";
    let mut found = None;
    for at in 0..64 {
        let begun = begin(&mut socket, &session(at), prompt, 0).await;
        let owner = owner_of(&cluster, &begun.session).await;
        if owner != 1 {
            found = Some((begun, owner));
            break;
        }
    }
    let (begun, owner) = found.expect("others own some");
    cluster.kill(owner);
    let of = |frame: &Value| frame["session_id"] == begun.session.as_str() && frame["stream_id"] == "a";
    let lost = socket.next_of(|frame| of(frame) && kind(frame) == "error").await;
    let error = &lost["payload"]["content"];
    assert_eq!(
        (&error["code"], &error["retryable"]),
        (&json!("EMOVED"), &json!(true))
    );
    let all = until("a stream to be resumed", async || {
        socket.resume(&begun.session, "a", &begun.token, 0).await;
        let answer = socket
            .next_of(|frame| of(frame) && ["resume_ack", "error"].contains(&kind(frame)))
            .await;
        if kind(&answer) == "error" {
            let error = &answer["payload"]["content"];
            assert_eq!(error["retryable"], true, "{error}");
            return None;
        }
        let mut all = Vec::new();
        loop {
            let frame = socket.next_of(|frame| of(frame) && says(frame)).await;
            all.push(frame);
            if all.last().is_some_and(|frame| kind(frame) != "partial") {
                return Some(all);
            }
        }
    })
    .await;
    check(&all);
}
