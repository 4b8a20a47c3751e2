//! The upstream over its socket, misbehaviour by misbehaviour, against its own books.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::stats::{Bill, Stats};
use super::{Fault, Options, start};
use crate::client::{Call, Connection, Failure};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

fn with_upstream<F: Future>(test: impl FnOnce(String) -> F) -> F::Output {
    let upstream = start(Options::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async {
        timeout(Duration::from_secs(20), test(upstream.url.clone()))
            .await
            .expect("a test ends within its deadline")
    })
}

async fn post(url: &str, path: &'static str, body: &Value) -> Result<Bytes, Failure> {
    let call = Call::post(url, path, body.to_string()).await.unwrap();
    Connection::new(call, None).exchange().await
}

async fn reply(url: &str, path: &'static str, body: &Value) -> Value {
    serde_json::from_slice(&post(url, path, body).await.unwrap()).unwrap()
}

async fn text(url: &str, path: &'static str, body: &Value) -> String {
    String::from_utf8(post(url, path, body).await.unwrap().into()).unwrap()
}

async fn stats(url: &str) -> Stats {
    let call = Call::get(url, "/stats").await.unwrap();
    serde_json::from_slice(&Connection::new(call, None).exchange().await.unwrap()).unwrap()
}

/// Asks for the books until `condition` holds; the deadline is that of the test.
async fn stats_when(url: &str, condition: impl Fn(&Stats) -> bool) -> Stats {
    loop {
        let stats = stats(url).await;
        if condition(&stats) {
            return stats;
        }
    }
}

fn ask(model: &str, stream: bool, max_tokens: u64) -> Value {
    json!({
        "model": model, "stream": stream, "max_tokens": max_tokens,
        "stream_options": { "include_usage": true },
        "messages": [{ "role": "user", "content": "12345678" }],
    })
}

#[test]
fn every_surface_reports_what_is_billed() {
    with_upstream(|url| async move {
        let chat = reply(&url, CHAT, &ask("mock", false, 7)).await;
        assert_eq!(
            chat["usage"],
            json!({ "prompt_tokens": 2, "completion_tokens": 7, "total_tokens": 9 })
        );
        let message = reply(&url, MESSAGES, &ask("mock", false, 7)).await;
        assert_eq!(message["usage"], json!({ "input_tokens": 2, "output_tokens": 7 }));
        let embedding = json!({ "model": "mock", "input": ["1234", "5678"] });
        let embeddings = reply(&url, "/v1/embeddings", &embedding).await;
        assert_eq!(
            embeddings["usage"],
            json!({ "prompt_tokens": 2, "total_tokens": 2 })
        );
        assert_ne!(
            embeddings["data"][0]["embedding"],
            embeddings["data"][1]["embedding"]
        );
        let stats = stats(&url).await;
        assert_eq!(
            stats.billed[""]["mock"],
            Bill {
                requests: 3,
                prompt_tokens: 6,
                completion_tokens: 14
            }
        );
    });
}

#[test]
fn a_stream_has_its_tokens_and_then_its_usage() {
    with_upstream(|url| async move {
        let chat = text(&url, CHAT, &ask("mock", true, 3)).await;
        assert_eq!(chat.matches("\"@").count(), 3);
        assert!(chat.contains(r#""usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}"#));
        assert!(chat.ends_with("data: [DONE]\n\n"));
        let messages = text(&url, MESSAGES, &ask("mock", true, 3)).await;
        assert_eq!(messages.matches("\"@").count(), 3);
        assert!(messages.contains(r#""usage":{"output_tokens":3}"#));
        assert!(messages.ends_with("data: {\"type\":\"message_stop\"}\n\n"));
        let stats = stats_when(&url, |stats| stats.in_flight == 0).await;
        assert_eq!(
            (stats.aborted, stats.billed[""]["mock"].completion_tokens),
            (0, 6)
        );
    });
}

#[test]
fn every_event_is_json() {
    with_upstream(|url| async move {
        for path in [CHAT, MESSAGES] {
            let events = text(&url, path, &ask("a \"quoted\" model", true, 2)).await;
            let data = events.lines().filter_map(|line| line.strip_prefix("data: "));
            for data in data.filter(|data| *data != "[DONE]") {
                serde_json::from_str::<Value>(data).unwrap();
            }
        }
    });
}

#[test]
fn a_cut_answer_ends_half_way() {
    with_upstream(|url| async move {
        for stream in [false, true] {
            assert_eq!(
                post(&url, CHAT, &ask("cut", stream, 8)).await,
                Err(Failure::Broken)
            );
        }
        let stats = stats_when(&url, |stats| stats.in_flight == 0).await;
        assert_eq!(stats.billed[""]["cut"].completion_tokens, 8 + 4);
    });
}

#[test]
fn a_stalled_stream_is_aborted_by_its_reader_and_billed_by_half() {
    with_upstream(|url| async move {
        let body = ask("stall", true, 8).to_string();
        let call = Call::post(&url, CHAT, body).await.unwrap();
        let mut answer = Connection::new(call, None).send().await.unwrap().into_body();
        let mut seen = String::new();
        while seen.matches("\"@").count() < 4 {
            let frame = answer.frame().await.unwrap().unwrap();
            seen += std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
        }
        drop(answer);
        let stats = stats_when(&url, |stats| stats.aborted == 1).await;
        assert_eq!(
            (stats.open_streams, stats.billed[""]["stall"].completion_tokens),
            (0, 4)
        );
    });
}

#[test]
fn usage_can_lie_or_be_absent_and_the_books_stay_true() {
    with_upstream(|url| async move {
        let lie = reply(&url, CHAT, &ask("lie-usage", false, 5)).await;
        assert_eq!(lie["usage"]["completion_tokens"], 50);
        for stream in [false, true] {
            let answer = text(&url, CHAT, &ask("no-usage", stream, 5)).await;
            assert!(!answer.contains("\"usage\":"), "{answer}");
        }
        let stats = stats(&url).await;
        assert_eq!(stats.billed[""]["lie-usage"].completion_tokens, 5);
        assert_eq!(stats.billed[""]["no-usage"].completion_tokens, 10);
    });
}

#[test]
fn tokens_can_follow_the_final() {
    with_upstream(|url| async move {
        let events = text(&url, CHAT, &ask("after-final", true, 2)).await;
        let (_, after) = events.split_once("data: [DONE]\n\n").unwrap();
        assert_eq!(after.matches("\"@").count(), 3);
    });
}

#[test]
fn refusals_are_not_billed() {
    with_upstream(|url| async move {
        for (model, status) in [("mock-429", 429), ("mock-500", 500)] {
            assert_eq!(
                post(&url, CHAT, &ask(model, true, 2)).await,
                Err(Failure::Status(status))
            );
        }
        let stats = stats(&url).await;
        assert_eq!((stats.requests, stats.refused), (2, 2));
        assert!(stats.billed.is_empty());
    });
}

#[test]
fn garbage_is_neither_json_nor_events() {
    with_upstream(|url| async move {
        let answer = text(&url, MESSAGES, &ask("garbage", true, 2)).await;
        assert!(serde_json::from_str::<Value>(&answer).is_err());
        assert!(!answer.starts_with("data:") && !answer.starts_with("event:"));
    });
}

#[test]
fn bodies_that_are_no_request_are_refused() {
    with_upstream(|url| async move {
        assert_eq!(post(&url, CHAT, &json!(7)).await, Err(Failure::Status(400)));
        assert_eq!(
            post(&url, "/v1/nothing", &json!({})).await,
            Err(Failure::Status(404))
        );
    });
}

#[test]
fn an_unread_stream_stops_growing() {
    with_upstream(|url| async move {
        let tokens = 1_000_000;
        let body = ask("mock", true, tokens).to_string();
        let call = Call::post(&url, CHAT, body).await.unwrap();
        let unread = Connection::new(call, None).send().await.unwrap();
        let mut before = 0;
        loop {
            let bytes = stats(&url).await.open_stream_bytes;
            if bytes > 0 && bytes == before {
                break;
            }
            before = bytes;
        }
        assert!(before < tokens * 50, "{before} bytes");
        drop(unread);
        stats_when(&url, |stats| stats.aborted == 1 && stats.open_stream_bytes == 0).await;
    });
}

#[test]
fn the_models_list_names_every_fault() {
    with_upstream(|url| async move {
        let call = Call::get(&url, "/v1/models").await.unwrap();
        let models = Connection::new(call, None).exchange().await.unwrap();
        let models: Value = serde_json::from_slice(&models).unwrap();
        assert_eq!(models["data"].as_array().unwrap().len(), 1 + Fault::NAMES.len());
    });
}
