//! OpenAI's surface before a provider of the same protocol and of the other one.

use serde_json::{Value, json};

use super::fixture::{Canned, Mock, Node, Recorder, Setup};

const CHAT: &str = "/v1/chat/completions";

/// A body that no parser and writer would give back as it is.
const ODD_BODY: &str = r#"{ "temperature" : 1.0e0,"model":"gpt",
  "messages":[{"role":"user","content":"h\u00e9llo \ud83d\ude00"}],"logit_bias":{"50256":-1E2},"x_vendor":{"b":1,"a":[ ]},"seed":12345678901234567890123}"#;

const ODD_ANSWER: &str = r#"{"id":"x", "object":"chat.completion","model":"gpt-2026","choices":[ {"index":0,"message":{"role":"assistant","content":"h\u00e9","refusal":null},"finish_reason":"stop"}],"x_vendor":[1.0e3], "usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,"x":{}}}"#;

async fn before(recorder: &Recorder) -> (Node, String) {
    let node = Setup::new()
        .provider("up", "openai", &recorder.url, &["gpt"])
        .start()
        .await;
    let key = node.unlimited().await;
    (node, key)
}

async fn before_mock() -> (Mock, Node, String) {
    let mock = Mock::start();
    let node = Setup::with_mock(&mock).start().await;
    let key = node.unlimited().await;
    (mock, node, key)
}

/// An event of a stream with this delta.
fn chunk(delta: &str) -> String {
    format!(
        "data: {{\"id\":\"c\", \"object\":\"chat.completion.chunk\",\"model\":\"gpt\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]}}\n\n"
    )
}

const STOP: &str =
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,\"total_tokens\":9}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

#[tokio::test]
async fn a_chat_passes_through_byte_for_byte_in_both_directions() {
    let recorder = Recorder::start([Canned::json(ODD_ANSWER)]).await;
    let (node, key) = before(&recorder).await;
    let reply = node.post(CHAT, ODD_BODY).key(&key).send().await.ok();
    assert_eq!(reply.text(), ODD_ANSWER);
    assert_eq!(reply.header("content-type"), "application/json");
    let seen = recorder.only();
    assert_eq!(String::from_utf8_lossy(&seen.body), ODD_BODY);
    assert_eq!(seen.path, "/v1/chat/completions");
    assert_eq!(
        seen.headers["authorization"], "Bearer sk-provider",
        "a client's key stays here"
    );
    let balance = node.settled("acme").await;
    assert_eq!(balance["settled_tokens"], 10);
    assert_eq!(balance["settled_usd_micros"], 7 + 2 * 3);
}

#[tokio::test]
async fn a_stream_is_forwarded_byte_for_byte_when_usage_was_asked_for() {
    let pieces = [
        ": comment\r\n\r\n".to_owned(),
        chunk(r#"{"role":"assistant","content":""}"#),
        chunk(r#"{"content":"h\u00e9"}"#).replace('\n', "\r\n"),
        "event: x\nid: 9\nretry: 5\n".to_owned(),
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"two\"},".to_owned(),
        "\"finish_reason\":null}],\"x_vendor\":1.0e0}\n\n".to_owned(),
        STOP.to_owned(),
        USAGE.to_owned(),
        DONE.to_owned(),
    ];
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    let recorder = Recorder::start([Canned::events(&pieces)]).await;
    let (node, key) = before(&recorder).await;
    let body = r#"{"model":"gpt","stream":true, "stream_options":{"include_usage":true,"x":1},"messages":[{"role":"user","content":"hi"}]}"#;
    let reply = node.post(CHAT, body).key(&key).send().await.ok();
    assert_eq!(reply.text(), pieces.concat());
    assert_eq!(reply.header("content-type"), "text/event-stream");
    assert_eq!(String::from_utf8_lossy(&recorder.only().body), body);
    assert_eq!(node.settled("acme").await["settled_tokens"], 9);
}

#[tokio::test]
async fn usage_is_asked_for_anyway_and_kept_from_a_client_that_did_not() {
    let events = [chunk(r#"{"content":"one"}"#), STOP.to_owned()].concat();
    let recorder = Recorder::start([Canned::events(&[&events, USAGE, DONE])]).await;
    let (node, key) = before(&recorder).await;
    let body = r#"{"model":"gpt","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let reply = node.post(CHAT, body).key(&key).send().await.ok();
    assert_eq!(reply.text(), events + DONE);
    let asked: Value = serde_json::from_slice(&recorder.only().body).unwrap();
    assert_eq!(asked["stream_options"], json!({ "include_usage": true }));
    assert_eq!(node.settled("acme").await["settled_tokens"], 9);
}

#[tokio::test]
async fn tools_pass_through_whole_and_streamed() {
    let answer = r#"{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"city\": \"Bern\"}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#;
    let deltas = [
        chunk(
            r#"{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":""}}]}"#,
        ),
        chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}"#),
        chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":" \"Bern\"}"}}]}"#),
        STOP.replace("stop", "tool_calls"),
        DONE.to_owned(),
    ]
    .concat();
    let recorder = Recorder::start([Canned::json(answer), Canned::events(&[&deltas])]).await;
    let (node, key) = before(&recorder).await;
    let body = |stream: bool| {
        json!({
            "model": "gpt", "stream": stream, "stream_options": { "include_usage": true }, "tool_choice": "auto",
            "tools": [{ "type": "function", "function": { "name": "weather", "strict": true,
                "parameters": { "type": "object", "properties": { "city": { "type": "string" } } } } }],
            "messages": [
                { "role": "user", "content": [{ "type": "text", "text": "Bern?" },
                    { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } }] },
                { "role": "assistant", "content": null, "tool_calls": [{ "id": "call_0", "type": "function",
                    "function": { "name": "weather", "arguments": "{}" } }] },
                { "role": "tool", "tool_call_id": "call_0", "content": "which city?" },
            ],
        })
    };
    let whole = node.chat(&key, body(false)).send().await.ok();
    assert_eq!(whole.text(), answer);
    let streamed = node.chat(&key, body(true)).send().await.ok();
    assert_eq!(streamed.text(), deltas);
    for (seen, stream) in recorder.seen().iter().zip([false, true]) {
        let asked: Value = serde_json::from_slice(&seen.body).unwrap();
        let mut wanted = body(stream);
        if !stream {
            // A provider refuses the options of a stream where there is none.
            wanted.as_object_mut().unwrap().remove("stream_options");
        }
        assert_eq!(asked, wanted);
    }
}

#[tokio::test]
async fn a_reply_says_what_decided_it() {
    let (_mock, node, key) = before_mock().await;
    let ask = || {
        node.chat(
            &key,
            json!({ "model": "mock", "messages": [{ "role": "user", "content": "hi" }] }),
        )
    };
    let reply = ask().header("x-correlation-id", "cor-7").send().await.ok();
    assert_eq!(reply.header("x-correlation-id"), "cor-7");
    assert!(reply.header("x-atp-policy-version").parse::<u64>().is_ok());
    assert!(
        reply.header("x-atp-route-reason").contains("mock"),
        "{}",
        reply.header("x-atp-route-reason")
    );
    let hold = reply.header("x-atp-hold");
    let tokens = hold
        .split(';')
        .find_map(|part| part.strip_prefix("tokens="))
        .unwrap();
    assert!(tokens.parse::<u64>().unwrap() > 32, "{hold}");
    let (first, second) = (ask().send().await, ask().send().await);
    assert!(!first.header("x-correlation-id").is_empty());
    assert_ne!(
        first.header("x-correlation-id"),
        second.header("x-correlation-id")
    );
    let unusable = ask().header("x-correlation-id", "with space").send().await.ok();
    assert_ne!(unusable.header("x-correlation-id"), "with space");
}

#[tokio::test]
async fn embeddings_pass_through() {
    let answer = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1.0e-3,-0.0]}],"model":"gpt", "usage":{"prompt_tokens":5,"total_tokens":5}}"#;
    let recorder = Recorder::start([Canned::json(answer)]).await;
    let (node, key) = before(&recorder).await;
    let body = r#"{"input":[ "a","b"],"model":"gpt","dimensions":2,"encoding_format":"float"}"#;
    let reply = node.post("/v1/embeddings", body).key(&key).send().await.ok();
    assert_eq!(reply.text(), answer);
    let seen = recorder.only();
    assert_eq!(
        (seen.path.as_str(), String::from_utf8_lossy(&seen.body).as_ref()),
        ("/v1/embeddings", body)
    );
    assert_eq!(node.settled("acme").await["settled_tokens"], 5);
}

#[tokio::test]
async fn models_are_listed_and_found() {
    let (_mock, node, key) = before_mock().await;
    let list = node.get("/v1/models").key(&key).send().await.ok().json();
    let ids: Vec<&str> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    let mut wanted = Mock::models();
    wanted.sort();
    assert_eq!(ids, wanted);
    let one = node.get("/v1/models/mock-cut").key(&key).send().await.ok().json();
    assert_eq!(
        (one["id"].as_str(), one["object"].as_str()),
        (Some("mock-cut"), Some("model"))
    );
    let none = node.get("/v1/models/gpt-9").key(&key).send().await;
    assert_eq!(
        (none.status, none.json()["error"]["code"].as_str()),
        (404, Some("not-found"))
    );
}

/// Status, OpenAI's class and our code of an error in OpenAI's shape.
async fn error(request: super::fixture::Request) -> (u16, String, String) {
    let reply = request.header("x-correlation-id", "cor-1").send().await;
    let body = reply.json();
    let error = &body["error"];
    assert!(
        error["message"].as_str().is_some_and(|text| !text.is_empty()),
        "{body}"
    );
    assert_eq!(error["correlation_id"], "cor-1", "{body}");
    assert_eq!(reply.header("x-correlation-id"), "cor-1");
    assert!(!error["hint"].as_str().unwrap_or_default().is_empty(), "{body}");
    let text = |member: &str| error[member].as_str().unwrap_or_default().to_owned();
    (reply.status, text("type"), text("code"))
}

#[tokio::test]
async fn errors_have_openais_shape() {
    let (_mock, node, key) = before_mock().await;
    let ask = |body: &str| node.post(CHAT, body).key(&key);
    let of = |model: &str| {
        ask(&json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] }).to_string())
    };
    let cases = [
        (
            node.post(CHAT, "{}"),
            401,
            "authentication_error",
            "unauthenticated",
        ),
        (ask("{"), 400, "invalid_request_error", "invalid-request"),
        (ask("[]"), 400, "invalid_request_error", "invalid-request"),
        (
            ask(r#"{"model":"mock","messages":7}"#),
            422,
            "invalid_request_error",
            "validation-failed",
        ),
        (of("gpt-9"), 404, "invalid_request_error", "not-found"),
        (of("mock-500"), 502, "server_error", "upstream-error"),
        (of("mock-429"), 503, "server_error", "agent-window-full"),
        (of("mock-garbage"), 502, "server_error", "upstream-error"),
        (of("mock-cut"), 502, "server_error", "upstream-error"),
    ];
    for (request, status, kind, code) in cases {
        assert_eq!(error(request).await, (status, kind.to_owned(), code.to_owned()));
    }
}

#[tokio::test]
async fn what_a_provider_refuses_is_told_with_its_status() {
    let refusal = |status| {
        Canned::json(r#"{"error":{"message":"no such thing","type":"x","param":"tools","code":"y"}}"#)
            .status(status)
    };
    let recorder = Recorder::start([refusal(400), refusal(401), refusal(413)]).await;
    let (node, key) = before(&recorder).await;
    for (status, code) in [
        (422, "validation-failed"),
        (500, "configuration-error"),
        (413, "payload-too-large"),
    ] {
        let (told, _, told_code) = error(node.post(CHAT, ODD_BODY).key(&key)).await;
        assert_eq!((told, told_code.as_str()), (status, code));
    }
    assert_eq!(
        node.settled("acme").await["settled_tokens"],
        0,
        "nothing was done"
    );
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_an_error_event() {
    let (_mock, node, key) = before_mock().await;
    let body = json!({ "model": "mock-cut", "stream": true, "max_tokens": 8, "messages": [{ "role": "user", "content": "hi" }] });
    let reply = node.chat(&key, body).send().await.ok();
    let events = reply.events();
    let last: Value = serde_json::from_str(events.last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "upstream-error", "{last}");
    assert_eq!(
        events.iter().filter(|event| event.contains("\"@")).count(),
        4,
        "what came before stays"
    );
    assert_eq!(node.settled("acme").await["in_flight"], 0);
}

#[tokio::test]
async fn an_anthropic_provider_answers_in_openais_words() {
    let mock = Mock::start();
    let node = Setup::new()
        .provider("claude", "anthropic", &mock.url(), &["mock", "mock-cut"])
        .start()
        .await;
    let key = node.unlimited().await;
    let body = |stream: bool| {
        json!({
            "model": "mock", "stream": stream, "stream_options": { "include_usage": true }, "max_tokens": 5,
            "messages": [{ "role": "system", "content": "Be brief." }, { "role": "user", "content": "hello" }],
        })
    };
    let mut whole_body = body(false);
    whole_body.as_object_mut().unwrap().remove("stream_options");
    let whole = node.chat(&key, whole_body).send().await.ok().json();
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(whole["choices"][0]["message"]["content"], "The upstream answers.");
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    assert_eq!(whole["usage"]["completion_tokens"], 5);
    let events = node.chat(&key, body(true)).send().await.ok().events();
    let chunks: Vec<Value> = events
        .iter()
        .filter_map(|event| serde_json::from_str(event).ok())
        .collect();
    assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
    let text: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text.matches('@').count(), 5, "{text}");
    assert_eq!(chunks.last().unwrap()["usage"]["completion_tokens"], 5);
    let bill = mock.billed().await;
    assert_eq!(
        node.settled("acme").await["settled_tokens"],
        bill.prompt_tokens + bill.completion_tokens
    );
}
