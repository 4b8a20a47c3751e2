//! Clients that leave before their answer is complete.

use serde_json::json;

use super::{ask, number};
use crate::fixture::{Mock, Node, Request, Setup, until};

const TOKENS: u64 = 60;

async fn node(mock: &Mock, kind: &str, cancel_stops_billing: bool) -> Node {
    let members = json!({
        "kind": kind, "url": mock.url(), "models": Mock::models(), "cancel_stops_billing": cancel_stops_billing,
    });
    Setup::new().provider_with("up", members).start().await
}

/// Asks for a slow stream, reads some of it and leaves.
async fn leave(node: &Node, key: &str, path: &str) {
    let marker = format!("prompt_tokens=40 completion_tokens={TOKENS} interval_ms=5");
    let body = ask("mock", &marker, TOKENS, true);
    let mut stream = node.post(path, body).key(key).open().await;
    for _ in 0..5 {
        stream.read_until("\"@").await;
    }
}

/// Sends a request and gives it up once `condition` holds.
async fn abandon(request: Request, condition: impl Future<Output = ()>) {
    tokio::select! {
        reply = request.send() => panic!("answered too soon: {} {}", reply.status, reply.text()),
        () = condition => {}
    }
}

const PATHS: [(&str, &str); 2] = [("openai", "/v1/chat/completions"), ("anthropic", "/v1/messages")];

#[tokio::test]
async fn an_upstream_that_bills_on_is_read_to_its_usage() {
    for (kind, path) in PATHS {
        let mock = Mock::start();
        let node = node(&mock, kind, false).await;
        let key = node.unlimited().await;
        leave(&node, &key, path).await;
        let balance = node.settled("acme").await;
        assert_eq!(number(&balance, "settled_tokens"), 40 + TOKENS, "{kind}");
        assert_eq!(mock.stats().await.aborted, 0, "{kind}");
    }
}

#[tokio::test]
async fn an_upstream_that_stops_billing_is_stopped_and_what_was_seen_is_charged() {
    for (kind, path) in PATHS {
        let mock = Mock::start();
        let node = node(&mock, kind, true).await;
        let key = node.unlimited().await;
        leave(&node, &key, path).await;
        let balance = node.settled("acme").await;
        until("the provider to notice", async || {
            (mock.stats().await.aborted == 1).then_some(())
        })
        .await;
        let billed = mock.billed().await.completion_tokens;
        assert!((5..TOKENS).contains(&billed), "{kind} {billed}");
        let settled = number(&balance, "settled_tokens");
        assert!(
            (5..40 + TOKENS).contains(&settled),
            "{kind}: {settled} of {billed} and the prompt"
        );
    }
}

#[tokio::test]
async fn a_client_that_leaves_a_whole_answer_is_settled() {
    let mock = Mock::start();
    let node = node(&mock, "openai", true).await;
    let key = node.unlimited().await;
    let body = ask("mock", "delay_ms=60000", 5, false);
    let under_way = until("the request to be under way", async || {
        (mock.stats().await.in_flight == 1).then_some(())
    });
    abandon(node.chat(&key, body), under_way).await;
    node.settled("acme").await;
    until("the provider to notice", async || {
        (mock.stats().await.aborted == 1).then_some(())
    })
    .await;
}

/// Its usage is in the answer's body, which begins when the whole of it is there.
#[tokio::test]
async fn an_upstream_that_bills_on_is_waited_for_where_its_answer_has_not_begun() {
    for (kind, path) in PATHS {
        let mock = Mock::start();
        let node = node(&mock, kind, false).await;
        let key = node.unlimited().await;
        let marker = format!("prompt_tokens=40 completion_tokens={TOKENS} delay_ms=500");
        let body = ask("mock", &marker, 4 * TOKENS, false);
        let under_way = until("the request to be under way", async || {
            (mock.stats().await.in_flight == 1).then_some(())
        });
        abandon(node.post(path, body).key(&key), under_way).await;
        let balance = node.settled("acme").await;
        assert_eq!(number(&balance, "settled_tokens"), 40 + TOKENS, "{kind}");
        assert_eq!(number(&balance, "unknown_tokens"), 0, "{kind}");
    }
}

/// It may have been worked at to its end, and bills for that.
#[tokio::test]
async fn an_upstream_that_bills_on_and_says_nothing_in_time_is_charged_as_unknown() {
    let mock = Mock::start();
    let members = json!({
        "kind": "openai", "url": mock.url(), "models": Mock::models(), "cancel_stops_billing": false,
    });
    let node = Setup::new()
        .provider_with("up", members)
        .with("budget", json!({ "drain_ms": 200 }))
        .start()
        .await;
    let key = node.unlimited().await;
    let body = ask("mock", "delay_ms=60000", TOKENS, false);
    let under_way = until("the request to be under way", async || {
        (mock.stats().await.in_flight == 1).then_some(())
    });
    abandon(node.chat(&key, body), under_way).await;
    let balance = node.settled("acme").await;
    assert!(number(&balance, "unknown_tokens") >= TOKENS, "{balance}");
    assert_eq!(
        number(&balance, "settled_tokens"),
        number(&balance, "unknown_tokens"),
        "{balance}"
    );
}

/// A request that waits for a slot holds budget too, as long as it may wait.
#[tokio::test]
async fn a_client_that_leaves_the_queue_holds_nothing() {
    let mock = Mock::start();
    let node = Setup::with_mock(&mock)
        .with("node", json!({ "workers": 1 }))
        .with(
            "sched",
            json!({ "max_concurrent": 1, "queue_timeout_ms": [1_000, 1_000, 1_000] }),
        )
        .start()
        .await;
    let running = node.tenant("running", json!({})).await;
    let waiting = node.tenant("waiting", json!({})).await;
    let body = ask("mock", "completion_tokens=5000 interval_ms=20", 5000, true);
    let mut first = node.chat(&running, body.clone()).open().await;
    first.read_until("\"@").await;
    let queued = until("the second request to hold budget", async || {
        (number(&node.balance("waiting").await, "in_flight") == 1).then_some(())
    });
    abandon(node.chat(&waiting, body), queued).await;
    assert_eq!(number(&node.settled("waiting").await, "settled_tokens"), 0);
    assert_eq!(number(&node.balance("running").await, "in_flight"), 1);
}
