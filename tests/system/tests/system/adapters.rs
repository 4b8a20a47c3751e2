//! Providers that fail: what the client is told, when the circuit opens, and who steps in.

use serde_json::{Value, json};

use super::fixture::{Canned, Mock, Node, Recorder, Setup, until};

fn ask(model: &str, stream: bool) -> Value {
    json!({
        "model": model, "max_tokens": 8, "stream": stream,
        "messages": [{ "role": "user", "content": "hello" }],
    })
}

const ANSWER: &str = r#"{"id":"x","model":"gpt","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#;

#[tokio::test]
async fn a_provider_that_stalls_is_given_up_on() {
    let mock = Mock::start();
    let node = Setup::with_mock(&mock)
        .with("timeouts", json!({ "first_chunk_ms": 300, "idle_ms": 300 }))
        .start()
        .await;
    let key = node.unlimited().await;
    // An answer in one piece has all its time to come.
    let patient =
        json!({ "model": "mock", "messages": [{ "role": "user", "content": "[[upstream delay_ms=900]]" }] });
    node.chat(&key, patient).send().await.ok();
    let streamed = node.chat(&key, ask("mock-stall", true)).send().await.ok();
    let events = streamed.events();
    let last: Value = serde_json::from_str(events.last().expect("events")).expect("an error event");
    assert_eq!(last["error"]["code"], "timeout", "{last}");
    assert_eq!(events.iter().filter(|event| event.contains("\"@")).count(), 4);
    node.settled("acme").await;
    until("the provider to be told", async || {
        (mock.stats().await.in_flight == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_deadline_of_the_client_ends_its_request() {
    let mock = Mock::start();
    let node = Setup::with_mock(&mock).start().await;
    let key = node.unlimited().await;
    let reply = node
        .chat(&key, ask("mock-stall", false))
        .header("x-atp-deadline-ms", "300")
        .send()
        .await;
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].as_str()),
        (504, Some("timeout"))
    );
    node.settled("acme").await;
}

#[tokio::test]
async fn a_provider_out_of_quota_says_when_to_come_back() {
    let busy = Canned::json(r#"{"error":{"message":"slow down"}}"#)
        .status(429)
        .header("retry-after", "7");
    let recorder = Recorder::start([busy]).await;
    let node = Setup::new()
        .provider("up", "openai", &recorder.url, &["gpt"])
        .start()
        .await;
    let key = node.unlimited().await;
    let reply = node.chat(&key, ask("gpt", false)).send().await;
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_eq!(reply.header("retry-after"), "7");
    let error = &reply.json()["error"];
    assert_eq!(
        (&error["code"], &error["retry_after_ms"]),
        (&json!("agent-window-full"), &json!(7_000))
    );
}

async fn status(node: &Node, key: &str) -> (u16, String) {
    let reply = node.chat(key, ask("gpt", false)).send().await;
    let code = reply.json()["error"]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (reply.status, code)
}

#[tokio::test]
async fn five_failures_open_the_circuit_and_successes_close_it() {
    let fail = || Canned::json(r#"{"error":{"message":"no"}}"#).status(500);
    let recorder = Recorder::start((0..5).map(|_| fail())).await;
    let node = Setup::new()
        .provider("up", "openai", &recorder.url, &["gpt"])
        .with("breaker", json!({ "reset_timeout_ms": 1_500 }))
        .start()
        .await;
    let key = node.unlimited().await;
    for _ in 0..5 {
        assert_eq!(status(&node, &key).await, (502, "upstream-error".to_owned()));
    }
    // What the adapter's actor has not heard of yet may still go out.
    until("the circuit to open", async || {
        let asked = recorder.seen().len();
        let (status, _) = status(&node, &key).await;
        (status == 503 && recorder.seen().len() == asked).then_some(())
    })
    .await;
    recorder.then(Canned::json(ANSWER));
    recorder.then(Canned::json(ANSWER));
    recorder.then(Canned::json(ANSWER));
    // A second and a half, then two probes.
    for what in ["a probe to go through", "another", "the circuit to be closed"] {
        until(what, async || (status(&node, &key).await.0 == 200).then_some(())).await;
    }
    let balance = node.settled("acme").await;
    assert_eq!(balance["settled_tokens"], 30, "failures cost nothing: {balance}");
}

#[tokio::test]
async fn another_provider_steps_in_before_the_first_byte() {
    for (fault, stream) in [
        ("500", false),
        ("429", false),
        ("500", true),
        ("slow-first", true),
    ] {
        let (first, second) = (Mock::start(), Mock::start());
        let bad = format!("mock-{fault}");
        // Alike in all that counts, so that the name decides who is asked first.
        let node = Setup::new()
            .provider("first", "openai", &first.url(), &[bad.as_str()])
            .provider("second", "openai", &second.url(), &["mock"])
            .with("timeouts", json!({ "first_chunk_ms": 300 }))
            .start()
            .await;
        let key = node.unlimited().await;
        let reply = node.chat(&key, ask("auto", stream)).send().await.ok();
        assert!(!reply.text().contains("\"error\""), "{fault}: {}", reply.text());
        let reason = reply.header("x-atp-route-reason");
        assert!(reason.contains("primary=first/"), "{reason}");
        // Who is slow may yet be the one who answers.
        if fault != "slow-first" {
            assert_eq!(first.stats().await.requests, 1, "{fault}");
            assert_eq!(second.stats().await.requests, 1, "{fault}");
        }
        node.settled("acme").await;
    }
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_is_charged_as_unknown() {
    let recorder = Recorder::start([Canned::silence()]).await;
    let node = Setup::new()
        .provider("up", "openai", &recorder.url, &["gpt"])
        .start()
        .await;
    let key = node.unlimited().await;
    assert_eq!(status(&node, &key).await, (502, "upstream-error".to_owned()));
    recorder.only();
    let balance = node.settled("acme").await;
    let unknown = balance["unknown_tokens"].as_u64().expect("a number");
    // Some tokens in, eight out, and the guard band.
    assert!((9..100).contains(&unknown), "{balance}");
    assert_eq!(balance["settled_tokens"], unknown, "{balance}");
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_told_as_such() {
    let node = Setup::new()
        .provider("up", "openai", "http://127.0.0.1:9/v1", &["gpt"])
        .start()
        .await;
    let key = node.unlimited().await;
    assert_eq!(status(&node, &key).await, (503, "agent-down".to_owned()));
    assert_eq!(node.settled("acme").await["settled_tokens"], 0);
}
