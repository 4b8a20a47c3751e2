//! Anthropic's surface before a provider of the same protocol and of the other one.

use serde_json::{Value, json};

use super::fixture::{Canned, Mock, Node, Recorder, Request, Setup};

const MESSAGES: &str = "/v1/messages";

const ODD_BODY: &str = r#"{ "max_tokens":  64,"model":"claude","thinking":{"type":"enabled","budget_tokens":1.0e1},
 "system":[{"type":"text","text":"h\u00e9","cache_control":{"type":"ephemeral"}}], "messages":[{"role":"user","content":"hi"}],"x_vendor":[ ]}"#;

const ODD_ANSWER: &str = r#"{"id":"msg_1", "type":"message","role":"assistant","model":"claude","content":[ {"type":"text","text":"h\u00e9"}],"stop_reason":"end_turn","x":1.0e1,"usage":{"input_tokens":7,"output_tokens":3}}"#;

const STREAM: [&str; 6] = [
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude\",\"content\":[],\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\", \"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"h\\u00e9\"}}",
    "\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":3}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];

async fn before(recorder: &Recorder) -> (Node, String) {
    let node = Setup::new()
        .provider("up", "anthropic", &recorder.url, &["claude"])
        .start()
        .await;
    let key = node.unlimited().await;
    (node, key)
}

fn ask(node: &Node, key: &str, body: impl ToString) -> Request {
    node.post(MESSAGES, body)
        .header("x-api-key", key)
        .header("anthropic-version", "2023-06-01")
}

#[tokio::test]
async fn a_message_passes_through_byte_for_byte_in_both_directions() {
    let recorder = Recorder::start([Canned::json(ODD_ANSWER)]).await;
    let (node, key) = before(&recorder).await;
    let reply = ask(&node, &key, ODD_BODY).send().await.ok();
    assert_eq!(reply.text(), ODD_ANSWER);
    for name in [
        "x-atp-policy-version",
        "x-atp-route-reason",
        "x-atp-hold",
        "x-correlation-id",
    ] {
        assert!(!reply.header(name).is_empty(), "{name}");
    }
    let seen = recorder.only();
    assert_eq!(String::from_utf8_lossy(&seen.body), ODD_BODY);
    assert_eq!(seen.path, MESSAGES);
    assert_eq!(seen.headers["x-api-key"], "sk-provider");
    assert!(!seen.headers["anthropic-version"].is_empty());
    assert_eq!(node.settled("acme").await["settled_tokens"], 10);
}

#[tokio::test]
async fn a_stream_is_forwarded_byte_for_byte() {
    let recorder = Recorder::start([Canned::events(&STREAM)]).await;
    let (node, key) = before(&recorder).await;
    let body =
        r#"{"model":"claude", "stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    let reply = ask(&node, &key, body).send().await.ok();
    assert_eq!(reply.text(), STREAM.concat());
    assert_eq!(reply.header("content-type"), "text/event-stream");
    assert_eq!(String::from_utf8_lossy(&recorder.only().body), body);
    assert_eq!(node.settled("acme").await["settled_tokens"], 10);
}

#[tokio::test]
async fn tools_pass_through() {
    let answer = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{"type":"tool_use","id":"toolu_1","name":"weather","input":{"city": "Bern"}}],"stop_reason":"tool_use","usage":{"input_tokens":7,"output_tokens":3}}"#;
    let recorder = Recorder::start([Canned::json(answer)]).await;
    let (node, key) = before(&recorder).await;
    let body = json!({
        "model": "claude", "max_tokens": 64, "tool_choice": { "type": "auto" },
        "tools": [{ "name": "weather", "input_schema": { "type": "object" } }],
        "messages": [
            { "role": "user", "content": "Bern?" },
            { "role": "assistant", "content": [{ "type": "tool_use", "id": "toolu_0", "name": "weather", "input": {} }] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "toolu_0", "content": "which?" }] },
        ],
    });
    let reply = ask(&node, &key, &body).send().await.ok();
    assert_eq!(reply.text(), answer);
    let asked: Value = serde_json::from_slice(&recorder.only().body).unwrap();
    assert_eq!(asked, body);
}

#[tokio::test]
async fn errors_have_anthropics_shape() {
    let mock = Mock::start();
    let node = Setup::new()
        .provider("claude", "anthropic", &mock.url(), &Mock::models())
        .start()
        .await;
    let key = node.unlimited().await;
    let of = |model: &str| {
        let body =
            json!({ "model": model, "max_tokens": 4, "messages": [{ "role": "user", "content": "hi" }] });
        ask(&node, &key, body)
    };
    let cases = [
        (
            node.post(MESSAGES, "{}"),
            401,
            "authentication_error",
            "unauthenticated",
        ),
        (
            ask(&node, &key, "{"),
            400,
            "invalid_request_error",
            "invalid-request",
        ),
        (
            ask(&node, &key, r#"{"model":"mock","max_tokens":4,"messages":7}"#),
            422,
            "invalid_request_error",
            "validation-failed",
        ),
        (of("claude-9"), 404, "not_found_error", "not-found"),
        (of("mock-500"), 502, "api_error", "upstream-error"),
        (of("mock-429"), 503, "overloaded_error", "agent-window-full"),
        (of("mock-garbage"), 502, "api_error", "upstream-error"),
    ];
    for (request, status, kind, code) in cases {
        let reply = request.header("x-correlation-id", "cor-1").send().await;
        let body = reply.json();
        assert_eq!(body["type"], "error", "{body}");
        assert_eq!(body["request_id"], "cor-1", "{body}");
        let told = (
            reply.status,
            body["error"]["type"].as_str(),
            body["error"]["code"].as_str(),
        );
        assert_eq!(told, (status, Some(kind), Some(code)), "{body}");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_an_error_event() {
    let mock = Mock::start();
    let node = Setup::new()
        .provider("claude", "anthropic", &mock.url(), &Mock::models())
        .start()
        .await;
    let key = node.unlimited().await;
    let body = json!({ "model": "mock-cut", "stream": true, "max_tokens": 8, "messages": [{ "role": "user", "content": "hi" }] });
    let reply = ask(&node, &key, body).send().await.ok();
    let events = reply.events();
    let last: Value = serde_json::from_str(events.last().unwrap()).unwrap();
    assert_eq!(
        (last["type"].as_str(), last["error"]["code"].as_str()),
        (Some("error"), Some("upstream-error"))
    );
    assert_eq!(events.iter().filter(|event| event.contains("\"@")).count(), 4);
}

#[tokio::test]
async fn an_openai_provider_answers_in_anthropics_words() {
    let mock = Mock::start();
    let node = Setup::with_mock(&mock).start().await;
    let key = node.unlimited().await;
    let body = |stream: bool| {
        json!({
            "model": "mock", "stream": stream, "max_tokens": 5, "system": "Be brief.",
            "messages": [{ "role": "user", "content": [{ "type": "text", "text": "hello" }] }],
        })
    };
    let whole = ask(&node, &key, body(false)).send().await.ok().json();
    assert_eq!(whole["type"], "message");
    assert_eq!(whole["content"][0]["text"], "The upstream answers.");
    assert_eq!(whole["stop_reason"], "end_turn");
    assert_eq!(whole["usage"]["output_tokens"], 5);
    let events: Vec<Value> = ask(&node, &key, body(true))
        .send()
        .await
        .ok()
        .events()
        .iter()
        .map(|event| serde_json::from_str(event).unwrap())
        .collect();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds.first(), Some(&"message_start"));
    assert_eq!(
        &kinds[kinds.len() - 3..],
        ["content_block_stop", "message_delta", "message_stop"]
    );
    let text: String = events
        .iter()
        .filter_map(|event| event["delta"]["text"].as_str())
        .collect();
    assert_eq!(text.matches('@').count(), 5, "{text}");
    let bill = mock.billed().await;
    assert_eq!(
        node.settled("acme").await["settled_tokens"],
        bill.prompt_tokens + bill.completion_tokens
    );
}
