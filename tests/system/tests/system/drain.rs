//! A node that is told to stop while it works.

use futures_util::future::join_all;
use serde_json::json;

use super::fixture::{Mock, Setup, until};

#[tokio::test]
async fn what_runs_may_finish_and_nothing_new_begins() {
    let mock = Mock::start();
    let node = Setup::with_mock(&mock).start().await;
    let key = node.unlimited().await;
    let body = json!({
        "model": "mock", "stream": true, "max_tokens": 100,
        "messages": [{ "role": "user", "content": "[[upstream prompt_tokens=4 completion_tokens=100 interval_ms=10]]" }],
    });
    let mut streams = Vec::new();
    for _ in 0..16 {
        let mut stream = node.chat(&key, body.clone()).open().await;
        stream.read_until("\"@").await;
        streams.push(stream);
    }
    node.terminate();
    let refusing = until("the node to take no more work", async || {
        match node.chat(&key, body.clone()).attempt().await {
            None => panic!("a node that drains still answers"),
            Some(reply) => (reply.status == 503).then_some(true),
        }
    });
    let finished = join_all(
        streams
            .into_iter()
            .map(|stream| async { stream.rest().await.text() }),
    );
    let (texts, _) = futures_util::future::join(finished, refusing).await;
    for text in texts {
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    }
    let (status, setup) = node.ended().await;
    assert!(status.success(), "{status}");
    let node = setup.start().await;
    let balance = node.balance("acme").await;
    let bill = mock.billed().await;
    assert_eq!(
        balance["settled_tokens"],
        bill.prompt_tokens + bill.completion_tokens,
        "{balance}"
    );
    assert_eq!(balance["in_flight"], 0, "{balance}");
}

#[tokio::test]
async fn what_does_not_finish_is_told_so_and_settled_when_the_drain_is_over() {
    let mock = Mock::start();
    let node = Setup::with_mock(&mock)
        .with("node", json!({ "drain_timeout_ms": 300 }))
        .start()
        .await;
    let key = node.unlimited().await;
    let body =
        json!({ "model": "mock-stall", "stream": true, "messages": [{ "role": "user", "content": "hi" }] });
    let mut stream = node.chat(&key, body).open().await;
    stream.read_until("\"@").await;
    node.terminate();
    let text = stream.rest().await.text();
    assert!(
        text.contains("shutting-down") || text.contains("EDRAINING"),
        "{text}"
    );
    let (status, setup) = node.ended().await;
    assert!(status.success(), "{status}");
    let node = setup.start().await;
    let balance = node.balance("acme").await;
    assert_eq!(
        (&balance["in_flight"], &balance["held_tokens"]),
        (&json!(0), &json!(0)),
        "{balance}"
    );
    assert!(balance["settled_tokens"].as_u64().unwrap() > 0, "{balance}");
}

#[tokio::test]
async fn what_waits_for_its_turn_is_told_so_and_charged_nothing_when_the_drain_is_over() {
    let mock = Mock::start();
    let node = Setup::with_mock(&mock)
        .with("node", json!({ "workers": 1, "drain_timeout_ms": 1_500 }))
        .with(
            "sched",
            json!({ "max_concurrent": 1, "queue_timeout_ms": [60_000, 60_000, 60_000] }),
        )
        .start()
        .await;
    let running = node.tenant("running", json!({})).await;
    let waiting = node.tenant("waiting", json!({})).await;
    let ask = |model: &str, stream: bool| json!({ "model": model, "stream": stream, "messages": [{ "role": "user", "content": "hi" }] });
    let mut first = node.chat(&running, ask("mock-stall", true)).open().await;
    first.read_until("\"@").await;
    let leaving = async {
        until("both requests to hold budget", async || {
            (node.balance("waiting").await["in_flight"] == 2).then_some(())
        })
        .await;
        node.terminate();
        until("the node to say that it leaves", async || {
            let said = node.get("/readyz").send().await;
            let is_leaving = said.status == 503 && said.json()["checks"]["not_draining"] == false;
            is_leaving.then_some(())
        })
        .await;
    };
    let (whole, streamed, ()) = futures_util::join!(
        node.chat(&waiting, ask("mock", false)).send(),
        node.chat(&waiting, ask("mock", true)).send(),
        leaving
    );
    for told in [whole, streamed] {
        let text = told.text();
        assert_eq!(told.status, 503, "{text}");
        assert!(text.contains("before the request had its turn"), "{text}");
    }
    first.rest().await;
    let (status, setup) = node.ended().await;
    assert!(status.success(), "{status}");
    assert_eq!(
        mock.stats().await.requests,
        1,
        "nobody was asked for those that waited"
    );
    let node = setup.start().await;
    let balance = node.balance("waiting").await;
    for member in ["settled_tokens", "held_tokens", "in_flight", "unknown_tokens"] {
        assert_eq!(balance[member], 0, "{balance}");
    }
}
