//! Providers that are wrong about usage, or do not say.

use serde_json::json;

use super::{ask, node, number};
use crate::fixture::{Canned, Recorder, Setup};

#[tokio::test]
async fn what_is_not_reported_is_estimated_from_what_was_seen() {
    for stream in [true, false] {
        let (_mock, node) = node().await;
        let key = node.unlimited().await;
        let body = ask("mock-no-usage", "completion_tokens=30", 30, stream);
        node.chat(&key, body).send().await.ok();
        let settled = number(&node.settled("acme").await, "settled_tokens");
        // About ten for the prompt; the mock says little in one piece.
        let expected = if stream { 30..=400 } else { 15..=60 };
        assert!(expected.contains(&settled), "stream {stream}: {settled}");
    }
}

/// The provider did some of the work or all of it, and said so in the part that was lost.
#[tokio::test]
async fn a_whole_answer_that_breaks_off_is_charged_as_unknown() {
    let (_mock, node) = node().await;
    let key = node.unlimited().await;
    let body = ask("mock-cut", "prompt_tokens=10 completion_tokens=30", 30, false);
    node.chat(&key, body).send().await;
    let balance = node.settled("acme").await;
    assert!(number(&balance, "unknown_tokens") >= 40, "{balance}");
    assert_eq!(
        number(&balance, "settled_tokens"),
        number(&balance, "unknown_tokens"),
        "{balance}"
    );
}

/// It was worked at all the time, and what that came to was never said.
#[tokio::test]
async fn a_whole_answer_that_comes_too_late_is_charged_as_unknown() {
    let (_mock, node) = node().await;
    let key = node.unlimited().await;
    let body = ask("mock", "delay_ms=60000", 30, false);
    let late = node.chat(&key, body).header("x-atp-deadline-ms", "400");
    assert_eq!(late.send().await.status, 504);
    let balance = node.settled("acme").await;
    assert!(number(&balance, "unknown_tokens") >= 30, "{balance}");
    assert_eq!(
        number(&balance, "settled_tokens"),
        number(&balance, "unknown_tokens"),
        "{balance}"
    );
}

#[tokio::test]
async fn much_text_in_one_piece_without_usage_is_charged_by_its_bytes() {
    const BYTES: usize = 30_000;
    let text = "word ".repeat(BYTES / 5);
    let chunk = json!({ "choices": [{ "index": 0, "delta": { "content": text } }] });
    let stop = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
    let whole = json!({
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
    });
    let events = format!("data: {chunk}\n\ndata: {stop}\n\ndata: [DONE]\n\n");
    for (stream, answer) in [
        (true, Canned::events(&[&events])),
        (false, Canned::json(whole.to_string())),
    ] {
        let provider = Recorder::start([answer]).await;
        let node = Setup::new()
            .provider("up", "openai", &provider.url, &["gpt"])
            .start()
            .await;
        let key = node.unlimited().await;
        node.chat(&key, ask("gpt", "", 8_000, stream)).send().await.ok();
        let settled = number(&node.settled("acme").await, "settled_tokens");
        assert!(
            (7_500..8_000).contains(&settled),
            "stream {stream}: {settled} tokens for {BYTES} bytes"
        );
    }
}

#[tokio::test]
async fn a_report_beyond_the_hold_is_charged_up_to_the_limit_and_the_rest_is_told() {
    let (_mock, node) = node().await;
    let key = node.tenant("acme", json!({ "limit_tokens": 300 })).await;
    let body = ask(
        "mock-lie-usage",
        "prompt_tokens=10 completion_tokens=50",
        50,
        true,
    );
    node.chat(&key, body).send().await.ok();
    let balance = node.settled("acme").await;
    assert!(number(&balance, "settled_tokens") <= 300, "{balance}");
    assert_eq!(
        number(&balance, "settled_tokens") + number(&balance, "overrun_tokens"),
        10 + 500,
        "{balance}"
    );
    let refused = node.chat(&key, ask("mock", "", 50, true)).send().await;
    assert_eq!(refused.status, 402, "{}", refused.text());
}

#[tokio::test]
async fn what_comes_after_the_end_is_neither_passed_on_nor_charged() {
    let (_mock, node) = node().await;
    let key = node.unlimited().await;
    let body = ask(
        "mock-after-final",
        "prompt_tokens=10 completion_tokens=20",
        20,
        true,
    );
    let reply = node.chat(&key, body).send().await.ok();
    assert!(reply.text().ends_with("data: [DONE]\n\n"));
    assert_eq!(
        reply
            .events()
            .iter()
            .filter(|event| event.contains("\"@"))
            .count(),
        20
    );
    assert_eq!(number(&node.settled("acme").await, "settled_tokens"), 30);
    node.chat(&key, ask("mock", "", 5, false)).send().await.ok();
}

#[tokio::test]
async fn a_report_that_cannot_be_true_is_cut_and_counted_as_unknown() {
    let absurd = format!(
        r#"{{"choices":[{{"index":0,"message":{{"role":"assistant","content":"hi"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":7,"completion_tokens":{}}}}}"#,
        u64::MAX
    );
    let recorder = Recorder::start([Canned::json(absurd)]).await;
    let node = Setup::new()
        .provider("up", "openai", &recorder.url, &["mock"])
        .start()
        .await;
    let key = node.unlimited().await;
    node.chat(&key, ask("mock", "", 50, false)).send().await.ok();
    let balance = node.settled("acme").await;
    let settled = number(&balance, "settled_tokens");
    assert!(settled < 10_000_000, "{balance}");
    assert_eq!(number(&balance, "unknown_tokens"), settled, "{balance}");
}
