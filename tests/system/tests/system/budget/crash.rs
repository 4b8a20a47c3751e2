//! A node that dies in the middle of a race.

use std::cell::Cell;

use futures_util::future::{join, join_all};
use serde_json::json;

use super::{ask, committed, number};
use crate::fixture::{Mock, Node, Setup, until};

const LIMIT: u64 = 60_000;
const CLIENTS: u64 = 64;

/// One client: asks until it is refused or its connection breaks. What it was told it used.
async fn client(node: &Node, key: &str, acknowledged: &Cell<u64>) {
    loop {
        let request = node.chat(key, ask("mock", &"of its own accord ".repeat(20), 20, false));
        let Some(reply) = request.attempt().await else {
            return;
        };
        if reply.status == 402 {
            return;
        }
        let usage = reply.ok().json()["usage"]["total_tokens"].as_u64();
        acknowledged.set(acknowledged.get() + usage.expect("usage is reported"));
    }
}

#[tokio::test]
async fn a_killed_node_forgets_nothing_it_answered_and_doubles_nothing() {
    let mock = Mock::start();
    let node = Setup::with_mock(&mock).start().await;
    let key = node.tenant("acme", json!({ "limit_tokens": LIMIT })).await;
    node.account("other", json!({ "limit_usd_micros": 7, "max_parallel": 3 }))
        .await;
    let acknowledged = Cell::new(0);
    let clients = join_all((0..CLIENTS).map(|_| client(&node, &key, &acknowledged)));
    let killer = async {
        until("a third of the budget to be spent", async || {
            (acknowledged.get() > LIMIT / 3).then_some(())
        })
        .await;
        node.signal_kill();
    };
    join(clients, killer).await;
    let before = acknowledged.get();
    assert!((LIMIT / 3..LIMIT).contains(&before), "{before}");

    let node = node.kill().start().await;
    let balance = node.balance("acme").await;
    let settled = number(&balance, "settled_tokens");
    let bill = mock.billed().await;
    let billed = bill.prompt_tokens + bill.completion_tokens;
    assert!(before <= settled, "{before} were acknowledged: {balance}");
    assert!(
        settled <= billed,
        "{billed} were billed: {balance}; nothing is charged twice"
    );
    assert!(
        settled - before <= CLIENTS * 120,
        "more than was in flight: {before} {balance}"
    );
    assert!(
        billed <= committed(&balance),
        "{billed} were billed: what was in flight is still held: {balance}"
    );
    assert!(number(&balance, "in_flight") <= CLIENTS);
    assert!(committed(&balance) <= LIMIT, "{balance}");
    assert_eq!(number(&balance, "limit_tokens"), LIMIT);
    let other = node.balance("other").await;
    assert_eq!(
        (&other["limit_usd_micros"], &other["max_parallel"]),
        (&json!(7), &json!(3))
    );

    // The old key works, and the race ends where it would have ended.
    let (held, in_flight) = (number(&balance, "held_tokens"), number(&balance, "in_flight"));
    let after = Cell::new(0);
    join_all((0..CLIENTS).map(|_| client(&node, &key, &after))).await;
    assert!(after.get() > 0, "there was budget left: {balance}");
    let end = until("the second life's holds to be settled", async || {
        let balance = node.balance("acme").await;
        (number(&balance, "in_flight") == in_flight).then_some(balance)
    })
    .await;
    assert_eq!(number(&end, "settled_tokens"), settled + after.get());
    assert_eq!(
        number(&end, "held_tokens"),
        held,
        "holds of the first life expire by themselves"
    );
    assert!(committed(&end) <= LIMIT, "{end}");
}

#[tokio::test]
async fn holds_of_a_killed_node_expire_and_are_charged_whole() {
    let mock = Mock::start();
    let setup = Setup::with_mock(&mock).with("budget", json!({ "hold_ttl_ms": 2_000 }));
    let node = setup.start().await;
    let key = node.tenant("acme", json!({ "limit_tokens": LIMIT })).await;
    let mut stream = node
        .chat(
            &key,
            ask("mock", "completion_tokens=5000 interval_ms=20", 5000, true),
        )
        .open()
        .await;
    stream.read_until("\"@").await;
    let held = number(&node.balance("acme").await, "held_tokens");
    let node = node.kill().start().await;
    let balance = node.settled("acme").await;
    assert_eq!(number(&balance, "settled_tokens"), held, "{balance}");
    assert_eq!(number(&balance, "unknown_tokens"), held, "{balance}");
}

#[tokio::test]
async fn a_node_that_ends_in_order_starts_where_it_was() {
    let mock = Mock::start();
    let node = Setup::with_mock(&mock).start().await;
    let key = node.tenant("acme", json!({ "limit_tokens": LIMIT })).await;
    for _ in 0..3 {
        node.chat(&key, ask("mock", "prompt_tokens=10", 20, false))
            .send()
            .await
            .ok();
    }
    let before = node.settled("acme").await;
    node.terminate();
    let (status, setup) = node.ended().await;
    assert!(status.success(), "{status}");
    let node = setup.start().await;
    let after = node.balance("acme").await;
    for member in [
        "settled_tokens",
        "settled_usd_micros",
        "limit_tokens",
        "in_flight",
    ] {
        assert_eq!(after[member], before[member], "{member}");
    }
    node.chat(&key, ask("mock", "", 20, false)).send().await.ok();
}
