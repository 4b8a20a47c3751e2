//! Requests that meet a limit on their way.

use serde_json::{Value, json};

use super::{ask, node, number};
use crate::fixture::{Canned, Mock, Recorder, Setup};

const ANSWER: &str = r#"{"id":"x","object":"chat.completion","model":"mock","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#;

#[tokio::test]
async fn a_request_that_does_not_fit_is_refused_and_nothing_is_done() {
    let (mock, node) = node().await;
    let key = node.tenant("acme", json!({ "limit_tokens": 20 })).await;
    let reply = node.chat(&key, ask("mock", "", 100, false)).send().await;
    assert_eq!(reply.status, 402, "{}", reply.text());
    let error = &reply.json()["error"];
    assert_eq!(
        (error["type"].as_str(), error["code"].as_str()),
        (Some("insufficient_quota"), Some("budget-exhausted"))
    );
    assert_eq!(mock.stats().await.requests, 0);
    assert_eq!(number(&node.settled("acme").await, "settled_tokens"), 0);
    node.account("acme", json!({ "limit_tokens": 10_000 })).await;
    node.chat(&key, ask("mock", "", 100, false)).send().await.ok();
}

#[tokio::test]
async fn a_stream_is_cut_when_its_hold_is_spent_and_its_account_empty() {
    let (mock, node) = node().await;
    let key = node.tenant("acme", json!({ "limit_tokens": 600 })).await;
    // The provider ignores the limit that it is given.
    let body = ask(
        "mock",
        "prompt_tokens=10 completion_tokens=5000 interval_ms=1",
        50,
        true,
    );
    let reply = node.chat(&key, body).send().await.ok();
    let events = reply.events();
    let last: Value = serde_json::from_str(events.last().expect("events")).expect("an error event");
    assert_eq!(last["error"]["code"], "budget-exhausted", "{last}");
    let tokens = events.iter().filter(|event| event.contains("\"@")).count() as u64;
    // A token of the mock is some sixteen bytes, which count as four until usage is reported.
    assert!(
        (125..=200).contains(&tokens),
        "{tokens} tokens came before the end"
    );
    let balance = node.settled("acme").await;
    let settled = number(&balance, "settled_tokens");
    assert!(settled <= 600, "{balance}");
    assert!(
        settled + number(&balance, "overrun_tokens") >= tokens,
        "{balance} {tokens}"
    );
    let stats = mock.stats().await;
    assert_eq!(
        (stats.aborted, stats.in_flight),
        (1, 0),
        "the provider was told to stop"
    );
}

#[tokio::test]
async fn a_parallel_limit_counts_what_is_in_flight() {
    let (_mock, node) = node().await;
    let key = node.tenant("acme", json!({ "max_parallel": 2 })).await;
    let slow = || {
        node.chat(
            &key,
            ask("mock", "completion_tokens=500 interval_ms=20", 500, true),
        )
    };
    let (mut first, mut second) = (slow().open().await, slow().open().await);
    first.read_until("\"@").await;
    second.read_until("\"@").await;
    assert_eq!(number(&node.balance("acme").await, "in_flight"), 2);
    let third = slow().send().await;
    assert!(
        [402, 429].contains(&third.status),
        "{} {}",
        third.status,
        third.text()
    );
    drop((first, second));
    node.settled("acme").await;
    node.chat(&key, ask("mock", "", 5, false)).send().await.ok();
}

#[tokio::test]
async fn an_answer_in_one_piece_is_not_asked_for_beyond_what_is_held() {
    // The answer is read where who may step in speaks another protocol, else it is forwarded.
    for (spare, choices) in [("anthropic", 1), ("openai", 1), ("openai", 8)] {
        let recorder = Recorder::start([Canned::json(ANSWER)]).await;
        let node = Setup::new()
            .provider("first", "openai", &recorder.url, &["mock"])
            .provider("second", spare, &recorder.url, &["mock"])
            .start()
            .await;
        let key = node.tenant("acme", json!({ "limit_tokens": 20_000 })).await;
        let body = json!({
            "model": "auto", "n": choices, "messages": [{ "role": "user", "content": "hello" }],
        });
        node.chat(&key, body).send().await.ok();
        let asked: Value = serde_json::from_slice(&recorder.only().body).expect("a body");
        let each = asked["max_tokens"]
            .as_u64()
            .or(asked["max_completion_tokens"].as_u64());
        let each = each.unwrap_or_else(|| panic!("{spare} {choices}: no limit in {asked}"));
        assert!(each * choices <= 20_000, "{spare}: {choices} answers of {each}");
    }
}

#[tokio::test]
async fn nobody_steps_in_whom_the_account_cannot_pay() {
    let (first, second) = (Mock::start(), Mock::start());
    let node = Setup::new()
        .provider("first", "openai", &first.url(), &["mock-500"])
        .provider("second", "openai", &second.url(), &["mock"])
        .with(
            "prices",
            json!({ "second": { "in_usd_micros_per_million": 100_000_000, "out_usd_micros_per_million": 200_000_000 } }),
        )
        .start()
        .await;
    let key = node.tenant("acme", json!({ "limit_usd_micros": 5_000 })).await;
    let reply = node.chat(&key, ask("auto", "", 100, false)).send().await;
    assert_eq!(reply.status, 402, "{}", reply.text());
    assert_eq!(first.stats().await.requests, 1);
    assert_eq!(second.stats().await.requests, 0);
    let balance = node.settled("acme").await;
    assert_eq!(number(&balance, "overrun_usd_micros"), 0, "{balance}");
}
