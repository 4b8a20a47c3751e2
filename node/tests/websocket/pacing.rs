//! Windows, congestion marks and BUSY, as a client is told of them.

use atp_node::config::Config;
use serde_json::{Value, json};

use crate::fixture::{Agent, Peer, Setup, client, frame, on_node, on_node_with, request};

/// A request on a session whose client takes so many calls at once.
fn narrow(stream: &str, max_parallel: u32) -> Value {
    let mut asked = request(stream, "echo", "hello");
    asked["window"]["max_parallel"] = max_parallel.into();
    asked
}

fn flags(frame: &Value) -> Vec<&str> {
    let flags = frame["flags"].as_array().expect("flags");
    flags.iter().filter_map(Value::as_str).collect()
}

async fn greeted(setup: &Setup, features: Value) -> Peer {
    let mut peer = client(setup).await;
    peer.greet(json!({ "features": features })).await;
    peer
}

/// The next update of the session's window.
async fn update(peer: &mut Peer) -> Value {
    loop {
        let frame = peer.of_type("control.window_update").await;
        let content = &frame["payload"]["content"];
        if content["scope"] == "session" {
            return content.clone();
        }
    }
}

#[test]
fn a_session_window_holds_over_all_connections_of_the_session() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "echo").await;
        let (mut one, mut other) = (client(&setup).await, client(&setup).await);
        one.send(narrow("a", 1)).await;
        let first = agent.asked().await;
        other.send(narrow("b", 1)).await;
        other.is_heard().await;
        agent.echo(&first).await;
        one.answer().await;
        let second = agent.asked().await;
        assert!(second.stream != first.stream, "it waited for the first to end");
        agent.echo(&second).await;
        other.answer().await;
    });
}

#[test]
fn a_stream_for_which_the_window_stays_full_is_refused_with_the_window_and_the_window_is_told() {
    let configure = |config: &mut Config| config.sched.queue_timeout_ms = [100; 3];
    on_node_with(configure, async |setup| {
        let mut agent = Agent::ready(&setup, "echo").await;
        let mut peer = client(&setup).await;
        peer.send(narrow("a", 1)).await;
        let first = agent.asked().await;
        peer.send(narrow("b", 1)).await;
        let refused = peer.of_type("control.error").await;
        let error = &refused["payload"]["content"];
        assert_eq!(
            (&error["code"], &error["window"]["max_parallel"]),
            (&json!("EWINDOW"), &json!(1))
        );
        let told = update(&mut peer).await;
        assert_eq!(
            (&told["max_parallel"], &told["reason"]),
            (&json!(1), &json!("error")),
            "{told}"
        );
        agent.echo(&first).await;
        peer.answer().await;
    });
}

#[test]
fn a_stream_that_its_window_can_never_hold_is_refused_at_once_and_for_good() {
    // Waiting would take longer than the test may.
    let configure = |config: &mut Config| config.sched.queue_timeout_ms = [3_600_000; 3];
    on_node_with(configure, async |setup| {
        let _agent = Agent::ready(&setup, "echo").await;
        let mut peer = client(&setup).await;
        for member in ["max_parallel", "max_tokens"] {
            let mut asked = request(member, "echo", "hello");
            asked["window"][member] = 0.into();
            peer.send(asked).await;
            let refused = peer.of_type("control.error").await;
            let error = &refused["payload"]["content"];
            assert_eq!(
                (&error["code"], &error["retryable"], &error["window"][member]),
                (&json!("EWINDOW"), &json!(false), &json!(0)),
                "{error}"
            );
            let detail = error["detail"].as_str().unwrap();
            let says = format!("{member} of the window in force is 0, ");
            assert!(detail.contains(&says), "{detail}");
        }
    });
}

#[test]
fn failures_narrow_the_window_that_the_next_stream_is_granted() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "echo").await;
        let mut peer = client(&setup).await;
        let granted = async |peer: &mut Peer| {
            let grant = peer.of_type("control.window_update").await;
            grant["payload"]["content"]["max_parallel"].as_u64()
        };
        peer.send(request("a", "echo", "hello")).await;
        assert_eq!(granted(&mut peer).await, Some(4));
        let asked = agent.asked().await;
        agent
            .say(&asked, "agent.result.error", json!({ "error": "out of memory" }))
            .await;
        peer.error().await;
        let told = update(&mut peer).await;
        assert_eq!(
            (&told["max_parallel"], &told["update_id"]),
            (&json!(2), &json!(1)),
            "{told}"
        );
        peer.send(request("b", "echo", "hello")).await;
        assert_eq!(granted(&mut peer).await, Some(2));
    });
}

#[test]
fn streams_that_are_kept_are_told_the_window_of_their_session_too() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "echo").await;
        let mut peer = greeted(&setup, json!({ "resume": true, "ecn": true })).await;
        peer.send(request("a", "echo", "hello")).await;
        let granted = peer.of_type("control.window_update").await["payload"]["content"].clone();
        assert_eq!(
            (&granted["reason"], &granted["max_parallel"]),
            (&json!("grant"), &json!(4))
        );
        let asked = agent.asked().await;
        // A mark of the client.
        let fin = json!({ "type": "agent.event", "content": { "event": "marked" } });
        peer.send(frame("a", 2, &["ECN"], fin)).await;
        let told = update(&mut peer).await;
        assert_eq!(
            (&told["max_parallel"], &told["reason"]),
            (&json!(2), &json!("ecn")),
            "{told}"
        );
        let last = told["update_id"].as_u64();
        // The same stream over another connection: told at once.
        let mut other = greeted(&setup, json!({ "resume": true })).await;
        let content = json!({ "resume_token": granted["resume_token"], "lanes": [], "sent_cum": 1 });
        let payload = json!({ "type": "control.resume", "content": content });
        other
            .send(frame("a", 0, &["SYN", "RESUME", "CTRL"], payload))
            .await;
        let back = other.of_type("control.resume_ack").await["payload"]["content"].clone();
        assert_eq!(back["window"]["max_parallel"], 2, "{back}");
        let told = update(&mut other).await;
        assert_eq!(
            (&told["max_parallel"], &told["reason"]),
            (&json!(2), &json!("refresh")),
            "{told}"
        );
        assert!(
            told["update_id"].as_u64() > last,
            "what comes later is no older: {told}"
        );
        // Its failure narrows the window further.
        agent
            .say(&asked, "agent.result.error", json!({ "error": "out of memory" }))
            .await;
        other.error().await;
        let told = update(&mut other).await;
        assert_eq!(
            (&told["max_parallel"], &told["reason"]),
            (&json!(1), &json!("aimd")),
            "{told}"
        );
    });
}

#[test]
fn a_mark_of_an_agent_reaches_the_client_that_understands_it() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "echo").await;
        let mut aware = greeted(&setup, json!({ "ecn": true })).await;
        aware.send(request("a", "echo", "hello")).await;
        let asked = agent.asked().await;
        agent.partial(&asked, "un").await;
        assert!(!flags(&aware.of_type("agent.result.partial").await).contains(&"ECN"));
        agent.marked(&asked, "marked").await;
        assert!(flags(&aware.of_type("agent.result.partial").await).contains(&"ECN"));
        agent.last(&asked, 2).await;
        assert!(!flags(&aware.answer().await).contains(&"ECN"));
    });
}

#[test]
fn a_mark_of_a_client_narrows_its_session_window() {
    on_node(async |setup| {
        let mut agent = Agent::ready(&setup, "echo").await;
        let mut peer = greeted(&setup, json!({ "ecn": true })).await;
        peer.send(request("a", "echo", "hello")).await;
        let asked = agent.asked().await;
        let mut marked = request("b", "echo", "hello");
        marked["flags"] = json!(["SYN", "ECN"]);
        peer.send(marked).await;
        let told = update(&mut peer).await;
        assert_eq!(
            (&told["max_parallel"], &told["reason"]),
            (&json!(2), &json!("ecn")),
            "{told}"
        );
        agent.echo(&asked).await;
        peer.answer().await;
    });
}

#[test]
fn while_queues_are_slow_clients_are_told_busy_and_bronze_is_refused() {
    on_node_with(
        |config| config.sched.max_concurrent = 1,
        async |setup| {
            let mut agent = Agent::ready(&setup, "echo").await;
            let mut peer = greeted(&setup, json!({ "status": true, "ecn": true })).await;
            for stream in ["a", "b", "c", "d"] {
                peer.send(request(stream, "echo", "hello")).await;
            }
            for _ in 0..3 {
                let asked = agent.asked().await;
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                agent.echo(&asked).await;
            }
            let last = agent.asked().await;
            peer.send(request("e", "echo", "hello")).await;
            let status = peer.of_type("control.status").await;
            let content = &status["payload"]["content"];
            assert_eq!(
                (&content["status"], &content["reason"]),
                (&json!("BUSY"), &json!("queue_watermark"))
            );
            assert!(
                content["retry_after_ms"].as_u64().is_some_and(|ms| ms > 250),
                "{content}"
            );
            let mut bronze = request("f", "echo", "hello");
            bronze["qos"] = "bronze".into();
            peer.send(bronze).await;
            assert_eq!(peer.error().await, "EWINDOW");
            agent.partial(&last, "late").await;
            assert!(flags(&peer.of_type("agent.result.partial").await).contains(&"ECN"));
        },
    );
}
