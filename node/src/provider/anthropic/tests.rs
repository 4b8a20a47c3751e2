//! Against a scripted upstream: what goes out, what comes back, and what failures become.

use atp_actors::adapter::Metered;
use atp_protocol::adapter::UsageSource;
use atp_protocol::request::Content;
use serde_json::json;

use super::*;
use crate::provider::http::HttpDial;
use crate::provider::settings::Auth;
use crate::provider::testing::{Script, Upstream, build, call, clock, run, settings};
use crate::secret::Secret;

const MESSAGE: &str = r#"{
  "id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant",
  "model": "claude-sonnet-4-5-20250929",
  "content": [
    {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"},
    {"type": "text", "text": "Hello"},
    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": 1}}
  ],
  "stop_reason": "tool_use", "stop_sequence": null,
  "usage": {"input_tokens": 10, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 12}
}"#;

const STREAM: [&str; 15] = [
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-x\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":3,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hel\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"lo\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"look\",\"input\":{}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"at\\\":\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\" 1}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
    "event: novelty\ndata: {\"type\":\"novelty\",\"index\":\"odd\"}\n\n",
    ": keep-alive\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":15}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];

const ASK: &str =
    r#"{"model":"auto","max_tokens":64,"messages":[{"role":"user","content":"hi"}],"top_k":5.0}"#;
const ASK_STREAM: &str =
    r#"{"model":"auto","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

fn adapter(upstream: &Upstream) -> Rc<dyn Adapter> {
    let mut settings = settings(upstream.url(""));
    settings.auth = Auth::XApiKey(Secret::new("sk-ant".to_owned()));
    build(Anthropic::new(settings, Arc::new(HttpDial::plaintext()), clock()).unwrap())
}

fn native(form: Form, body: &str) -> Call {
    let native = Some((Dialect::AnthropicMessages, body));
    call(
        form,
        body.contains("\"stream\":true"),
        native,
        Content::prompt("hi"),
    )
}

fn reported(in_tokens: u64, out_tokens: u64) -> Option<Metered> {
    Some(Metered {
        in_tokens,
        out_tokens,
        usd_micros: None,
        source: UsageSource::Reported,
    })
}

#[tokio::test]
async fn an_answer_in_one_piece_is_forwarded_or_read() {
    let upstream = Upstream::start([Script::json("200 OK", MESSAGE), Script::json("200 OK", MESSAGE)]).await;
    let adapter = adapter(&upstream);
    let end = run(&adapter, native(Form::Forward, ASK)).await.done();
    assert_eq!(end.body.as_deref(), Some(MESSAGE.as_bytes()));
    assert_eq!(end.usage, reported(115, 12));
    assert_eq!(end.finish_reason.as_deref(), Some("tool_calls"));

    let end = run(&adapter, call(Form::Read, false, None, Content::prompt("hi")))
        .await
        .done();
    assert_eq!(end.text.as_deref(), Some("Hello"));
    assert_eq!(
        end.tool_calls,
        Some(
            json!([{"id": "toolu_1", "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}}])
        )
    );
    assert_eq!((end.usage, end.body), (reported(115, 12), None));

    let seen = upstream.seen();
    assert_eq!(seen.requests[0].line, "POST /v1/messages HTTP/1.1");
    assert_eq!(seen.requests[0].header("x-api-key"), Some("sk-ant"));
    assert_eq!(seen.requests[0].header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(seen.requests[0].body, ASK.replace("auto", "m-1").as_bytes());
    assert_eq!(
        seen.requests[1].json(),
        json!({
            "model": "m-1", "max_tokens": 512,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        })
    );
}

#[tokio::test]
async fn a_stream_is_forwarded_byte_for_byte_however_it_arrives() {
    let all = STREAM.concat();
    for size in [1, 50, 333, 100_000] {
        let pieces: Vec<_> = all.as_bytes().chunks(size).collect();
        let upstream = Upstream::start([Script::stream(&pieces)]).await;
        let outcome = run(&adapter(&upstream), native(Form::Forward, ASK_STREAM)).await;
        assert_eq!(outcome.bytes, all.as_bytes(), "pieces of {size}");
        assert_eq!(
            outcome.out_tokens, 4,
            "14 bytes in four pieces that are not empty"
        );
        let end = outcome.done();
        assert_eq!(end.usage, reported(28, 15));
        assert_eq!(end.model.as_deref(), Some("claude-x"));
        assert_eq!(end.finish_reason.as_deref(), Some("tool_calls"));
    }
}

#[tokio::test]
async fn a_stream_is_read_as_partials_and_a_final() {
    let upstream = Upstream::start([Script::stream(&STREAM)]).await;
    let outcome = run(&adapter(&upstream), native(Form::Read, ASK_STREAM)).await;
    assert_eq!(outcome.text, "Hello");
    let end = outcome.done();
    assert_eq!(
        end.tool_calls,
        Some(
            json!([{"id": "toolu_1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 1}"}}])
        )
    );
    assert_eq!((end.usage, end.text), (reported(28, 15), None));
}

#[tokio::test]
async fn nothing_after_the_last_event_is_passed_on() {
    let upstream = Upstream::start([Script::stream(&[STREAM[0], STREAM[13], STREAM[14], STREAM[3]])]).await;
    let outcome = run(&adapter(&upstream), native(Form::Forward, ASK_STREAM)).await;
    assert_eq!(
        outcome.bytes,
        [STREAM[0], STREAM[13], STREAM[14]].concat().as_bytes()
    );
    outcome.done();
}

#[tokio::test]
async fn failures_become_faults() {
    let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let event = format!("event: error\ndata: {overloaded}\n\n");
    let too_long = r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 201000 tokens > 200000 maximum"}}"#;
    let cases = [
        (
            Script::json("529 Overloaded", overloaded),
            Form::Forward,
            Code::WindowAgent,
        ),
        (
            Script::json("400 Bad Request", too_long),
            Form::Forward,
            Code::Context,
        ),
        (
            Script::stream(&[STREAM[0], STREAM[3], &event]),
            Form::Forward,
            Code::WindowAgent,
        ),
        (
            Script::stream(&[STREAM[0], STREAM[3], &event]),
            Form::Read,
            Code::WindowAgent,
        ),
        (
            Script::stream(&[STREAM[0], STREAM[3]]),
            Form::Forward,
            Code::Adapter,
        ),
        (
            Script::stream(&[STREAM[0], STREAM[3]]).cut(),
            Form::Read,
            Code::Adapter,
        ),
        (
            Script::stream(&["event: message_start\ndata: {\n\n"]),
            Form::Read,
            Code::Adapter,
        ),
        (Script::json("200 OK", MESSAGE), Form::Forward, Code::Adapter),
    ];
    let upstream = Upstream::start(cases.iter().map(|(script, ..)| script.clone())).await;
    let adapter = adapter(&upstream);
    for (script, form, code) in cases {
        let outcome = run(&adapter, native(form, ASK_STREAM)).await;
        assert!(!outcome.bytes.ends_with(event.as_bytes()));
        assert_eq!(outcome.fault().code, code, "{script:?}");
    }
}

#[tokio::test]
async fn embeddings_are_refused() {
    let upstream = Upstream::start([]).await;
    let ask = Some((Dialect::OpenAiEmbeddings, r#"{"input":"x","model":"auto"}"#));
    let fault = run(
        &adapter(&upstream),
        call(Form::Forward, false, ask, Content::prompt("x")),
    )
    .await
    .fault();
    assert_eq!((fault.code, fault.retryable), (Code::Unsupported, Some(false)));
}
