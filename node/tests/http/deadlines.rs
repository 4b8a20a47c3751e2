//! How long a request may take.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use super::fixture::{Manner, Scripted, Setup, on_node_with};

/// Asks an adapter that does not answer; how long it takes to say so.
async fn ask(node: &Setup, deadline_ms: u64) -> Duration {
    let now = || UNIX_EPOCH.elapsed().expect("after 1970");
    let started = now();
    let asked = json!({ "prompt": "hello", "model": "deaf", "deadline_ms": deadline_ms });
    node.ask("POST", "/v1/ask").json(&asked).send().await;
    now() - started
}

/// The second waits for the slot until the first has run out of time, and has less of its own left then.
#[test]
fn a_requests_time_runs_while_it_waits_for_its_slot() {
    on_node_with(
        |config| {
            config.sched.max_concurrent = 1;
            config.sched.queue_timeout_ms = [600_000; 3];
        },
        async |node| {
            Scripted::join(&node, "deaf", Manner::Stalls).await;
            let (first, second) = tokio::join!(ask(&node, 1_500), ask(&node, 2_000));
            assert!(first.as_millis() >= 1_500, "{first:?}");
            assert!((2_000..3_300).contains(&second.as_millis()), "{second:?}");
            node.settled_tokens().await;
        },
    );
}
