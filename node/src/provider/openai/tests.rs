//! Against a scripted upstream: what goes out, what comes back, and what every kind of failure becomes.

use std::time::Duration;

use atp_actors::adapter::Metered;
use atp_protocol::adapter::{HealthStatus, UsageSource};
use atp_protocol::request::Content;
use serde_json::json;

use super::*;
use crate::provider::http::HttpDial;
use crate::provider::settings::Auth;
use crate::provider::upstream::{Script, Upstream, build, call, clock, run, settings};
use crate::secret::Secret;

const COMPLETION: &str = r#"{
  "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
  "object": "chat.completion",
  "created": 1741570283,
  "model": "gpt-4o-2024-08-06",
  "choices": [{
    "index": 0,
    "message": {"role": "assistant", "content": "Hello there.", "refusal": null, "annotations": []},
    "logprobs": null,
    "finish_reason": "stop"
  }],
  "usage": {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0}},
  "service_tier": "default",
  "system_fingerprint": "fp_fc9f1d7035"
}"#;

const ROLE: &str = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n";
const HEL: &str = "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"},\"finish_reason\":null}],\"usage\":null}\n\n";
const LO: &str = "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo \\\"usage\\\": 1\"},\"finish_reason\":null}],\"usage\":null}\n\n";
const STOP: &str = "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":null}\n\n";
const USAGE: &str = "data: {\"id\":\"chatcmpl-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":2,\"total_tokens\":10}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

const ASK: &str = r#"{"model":"auto","messages":[{"role":"user","content":"hi"}],"unknown":1.50}"#;
const ASK_STREAM: &str = r#"{"model":"auto","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const ASK_USAGE: &str = r#"{"model":"auto","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}"#;

fn adapter(upstream: &Upstream, change: impl FnOnce(&mut Settings)) -> Rc<dyn Adapter> {
    let mut settings = settings(upstream.url("/v1"));
    settings.auth = Auth::Bearer(Secret::new("sk-test".to_owned()));
    change(&mut settings);
    build(OpenAi::new(settings, Arc::new(HttpDial::plaintext()), clock()).unwrap())
}

fn forward(body: &str) -> Call {
    call(
        Form::Forward,
        body.contains("\"stream\":true"),
        Some((Dialect::OpenAiChat, body)),
        Content::prompt("hi"),
    )
}

fn read(wants_stream: bool) -> Call {
    call(Form::Read, wants_stream, None, Content::prompt("hi"))
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
async fn an_answer_in_one_piece_is_forwarded_as_it_came() {
    let upstream = Upstream::start([Script::json("200 OK", COMPLETION)]).await;
    let end = run(&adapter(&upstream, |_| {}), forward(ASK)).await.done();
    assert_eq!(end.body.as_deref(), Some(COMPLETION.as_bytes()));
    assert_eq!(end.usage, reported(19, 10));
    assert_eq!(end.model.as_deref(), Some("gpt-4o-2024-08-06"));
    assert_eq!(end.finish_reason.as_deref(), Some("stop"));

    let seen = upstream.seen();
    let request = &seen.requests[0];
    assert_eq!(request.line, "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Bearer sk-test"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("idempotency-key"), Some("k-1"));
    assert!(request.header("host").unwrap().starts_with("127.0.0.1:"));
    assert_eq!(request.body, ASK.replace("auto", "m-1").as_bytes());
}

#[tokio::test]
async fn an_answer_in_one_piece_is_read() {
    let tools = COMPLETION.replace(
        "\"content\": \"Hello there.\"",
        r#""content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]"#,
    );
    let upstream =
        Upstream::start([Script::json("200 OK", COMPLETION), Script::json("200 OK", &tools)]).await;
    let adapter = adapter(&upstream, |_| {});
    let end = run(&adapter, read(false)).await.done();
    assert_eq!(end.text.as_deref(), Some("Hello there."));
    assert_eq!((end.tool_calls, end.body), (None, None));
    assert_eq!(end.usage, reported(19, 10));

    let end = run(&adapter, read(false)).await.done();
    assert_eq!(end.text, None);
    assert_eq!(end.tool_calls.unwrap()[0]["function"]["name"], "f");
    assert_eq!(upstream.seen().connections, 1, "the connection is kept");
}

#[tokio::test]
async fn a_stream_is_forwarded_byte_for_byte() {
    let pieces = [ROLE, HEL, LO, STOP, USAGE, DONE];
    let upstream = Upstream::start([Script::stream(&pieces)]).await;
    let outcome = run(&adapter(&upstream, |_| {}), forward(ASK_USAGE)).await;
    assert_eq!(outcome.bytes, pieces.concat().as_bytes());
    assert_eq!(outcome.out_tokens, 2);
    let end = outcome.done();
    assert_eq!(end.usage, reported(8, 2));
    assert_eq!(end.model.as_deref(), Some("gpt-4o-mini"));
    assert_eq!(end.finish_reason.as_deref(), Some("stop"));
    assert!(end.body.is_none());
}

#[tokio::test]
async fn usage_nobody_asked_for_is_withheld_however_the_bytes_arrive() {
    let all = [ROLE, HEL, LO, STOP, USAGE, DONE].concat();
    for size in [1, 7, 64, 100, 1_000, 10_000] {
        let pieces: Vec<_> = all.as_bytes().chunks(size).collect();
        let upstream = Upstream::start([Script::stream(&pieces)]).await;
        let outcome = run(&adapter(&upstream, |_| {}), forward(ASK_STREAM)).await;
        assert_eq!(
            String::from_utf8_lossy(&outcome.bytes),
            [ROLE, HEL, LO, STOP, DONE].concat(),
            "pieces of {size}"
        );
        assert_eq!(outcome.done().usage, reported(8, 2));
        assert_eq!(
            upstream.seen().requests[0].json()["stream_options"],
            json!({"include_usage": true})
        );
    }
}

#[tokio::test]
async fn a_stream_is_read_as_partials_and_a_final() {
    let upstream = Upstream::start([Script::stream(&[ROLE, HEL, LO, STOP, USAGE, DONE])]).await;
    let outcome = run(&adapter(&upstream, |_| {}), read(true)).await;
    assert_eq!(outcome.text, "Hello \"usage\": 1");
    let end = outcome.done();
    assert_eq!((end.text, end.usage), (None, reported(8, 2)));
    let sent = upstream.seen().requests[0].json();
    assert_eq!(sent["messages"], json!([{"role": "user", "content": "hi"}]));
    assert_eq!((&sent["model"], &sent["stream"]), (&json!("m-1"), &json!(true)));
}

#[tokio::test]
async fn tool_call_deltas_are_merged() {
    let pieces = [
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"get_weather","arguments":""}}]},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"g","arguments":"{}"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"Paris\"}"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
    ]
    .map(|chunk| format!("data: {chunk}\n\n"));
    let upstream = Upstream::start([Script::stream(&pieces), Script::stream(&pieces)]).await;
    let adapter = adapter(&upstream, |_| {});
    let end = run(&adapter, read(true)).await.done();
    assert_eq!(
        end.tool_calls,
        Some(json!([
            {"id": "call_a", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Paris\"}"}},
            {"id": "call_b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ]))
    );
    assert_eq!(end.finish_reason.as_deref(), Some("tool_calls"));
    assert_eq!(end.usage, None);
    let forwarded = run(&adapter, forward(ASK_STREAM)).await;
    assert_eq!(forwarded.out_tokens, 3);
}

#[tokio::test]
async fn nothing_after_the_last_chunk_is_passed_on() {
    let pieces = [HEL, STOP, &format!("{DONE}{HEL}"), HEL];
    let upstream = Upstream::start([Script::stream(&pieces), Script::stream(&pieces)]).await;
    let adapter = adapter(&upstream, |_| {});
    let outcome = run(&adapter, forward(ASK_STREAM)).await;
    assert_eq!(outcome.bytes, [HEL, STOP, DONE].concat().as_bytes());
    assert_eq!(run(&adapter, read(true)).await.text, "Hel");
    assert_eq!(
        upstream.seen().connections,
        1,
        "read to its end, the connection is kept"
    );
}

#[tokio::test]
async fn a_stream_may_end_with_its_finish_reason_but_not_before() {
    let scripts = [
        Script::stream(&[HEL, STOP]),
        Script::stream(&[HEL, STOP]),
        Script::stream(&[HEL]),
        Script::stream(&[HEL]),
        Script::stream(&[HEL, &LO[..20]]).cut(),
    ];
    let upstream = Upstream::start(scripts).await;
    let adapter = adapter(&upstream, |_| {});
    assert_eq!(run(&adapter, forward(ASK_STREAM)).await.done().usage, None);
    assert_eq!(
        run(&adapter, read(true)).await.done().finish_reason.as_deref(),
        Some("stop")
    );
    for call in [forward(ASK_STREAM), read(true)] {
        assert_eq!(run(&adapter, call).await.fault().code, Code::Adapter);
    }
    let outcome = run(&adapter, forward(ASK_STREAM)).await;
    assert_eq!(outcome.bytes, HEL.as_bytes(), "only whole events leave");
    assert_eq!(outcome.fault().code, Code::Adapter);
}

#[tokio::test]
async fn an_error_inside_a_stream_ends_it_and_is_not_forwarded() {
    let error = "data: {\"error\":{\"message\":\"The server had an error\",\"type\":\"server_error\"}}\n\n";
    let scripts = [Script::stream(&[HEL, error]), Script::stream(&[HEL, error])];
    let upstream = Upstream::start(scripts).await;
    let adapter = adapter(&upstream, |_| {});
    let outcome = run(&adapter, forward(ASK_STREAM)).await;
    assert_eq!(outcome.bytes, HEL.as_bytes());
    let fault = outcome.fault();
    assert_eq!(fault.code, Code::Adapter);
    assert!(fault.detail.contains("The server had an error"), "{fault}");
    assert_eq!(run(&adapter, read(true)).await.fault().code, Code::Adapter);
}

#[tokio::test]
async fn refusals_become_faults() {
    let limited = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
    let upstream = Upstream::start([
        Script::raw(limited),
        Script::json("500 Internal Server Error", "{}"),
        Script::json(
            "401 Unauthorized",
            r#"{"error":{"message":"Incorrect API key provided: sk-test"}}"#,
        ),
    ])
    .await;
    let adapter = adapter(&upstream, |_| {});
    let fault = run(&adapter, forward(ASK_STREAM)).await.fault();
    assert_eq!(
        (fault.code, fault.retry_after_ms),
        (Code::WindowAgent, Some(7_000))
    );
    assert_eq!(run(&adapter, forward(ASK)).await.fault().code, Code::Adapter);
    let fault = run(&adapter, forward(ASK)).await.fault();
    assert_eq!(fault.code, Code::Config);
    assert!(!fault.detail.contains("sk-test"));
}

#[tokio::test]
async fn silence_is_a_timeout_and_closes_the_connection() {
    let upstream = Upstream::start([
        Script::silent(),
        Script::stream(&[HEL, LO]).stalled(),
        Script::silent(),
    ])
    .await;
    let adapter = adapter(&upstream, |settings| {
        settings.waits.first_chunk = Duration::from_millis(200);
        settings.waits.between_chunks = Duration::from_millis(50);
    });
    assert_eq!(
        run(&adapter, forward(ASK_STREAM)).await.fault().code,
        Code::Timeout
    );
    let outcome = run(&adapter, forward(ASK_STREAM)).await;
    assert_eq!(outcome.bytes, [HEL, LO].concat().as_bytes());
    assert_eq!(outcome.fault().code, Code::Timeout);
    let late = Call {
        deadline_ms: 50,
        ..forward(ASK)
    };
    assert_eq!(run(&adapter, late).await.fault().code, Code::Timeout);
    upstream
        .until("three connections closed", |seen| seen.hangups == 3)
        .await;
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_down() {
    let upstream = Upstream::start([]).await;
    let adapter = adapter(&upstream, |settings| {
        settings.base_url = "http://127.0.0.1:1/v1".parse().unwrap();
    });
    assert_eq!(run(&adapter, forward(ASK)).await.fault().code, Code::AgentDown);
    assert_eq!(adapter.health().await.unwrap_err().code, Code::AgentDown);
}

#[tokio::test]
async fn answers_that_make_no_sense_or_never_end_are_failures() {
    let huge = format!("data: {}\n\n", "x".repeat(5_000));
    let big = COMPLETION.replace("Hello", &"x".repeat(5_000));
    let upstream = Upstream::start([
        Script::json("200 OK", "<html>login</html>"),
        Script::json("200 OK", r#"{"object":"list"}"#),
        Script::json("200 OK", COMPLETION),
        Script::stream(&["data: {\"choices\":\n\n"]),
        Script::stream(&[HEL, &huge[..2_500], &huge[2_500..]]),
        Script::json("200 OK", &big),
    ])
    .await;
    let adapter = adapter(&upstream, |settings| {
        settings.limits.event = 2_000;
        settings.limits.answer = 4_000;
    });
    for call in [
        forward(ASK),
        read(false),
        forward(ASK_STREAM),
        read(true),
        forward(ASK_STREAM),
        forward(ASK),
    ] {
        let fault = run(&adapter, call).await.fault();
        assert_eq!(fault.code, Code::Adapter, "{fault}");
    }
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_replaced_unnoticed() {
    let scripts = [
        Script::json("200 OK", COMPLETION).closed(),
        Script::json("200 OK", COMPLETION),
    ];
    let upstream = Upstream::start(scripts).await;
    let adapter = adapter(&upstream, |_| {});
    run(&adapter, forward(ASK)).await.done();
    run(&adapter, forward(ASK)).await.done();
    assert_eq!(upstream.seen().connections, 2);
}

#[tokio::test]
async fn a_call_waits_for_a_slot_and_is_refused_in_time() {
    let upstream = Upstream::start([
        Script::stream(&[HEL]).stalled(),
        Script::json("200 OK", COMPLETION),
    ])
    .await;
    let adapter = adapter(&upstream, |settings| {
        settings.limits.in_flight = 1;
        settings.waits.slot = Duration::from_millis(30);
    });
    let running = adapter.stream(forward(ASK_STREAM)).await.unwrap();
    assert_eq!(run(&adapter, forward(ASK)).await.fault().code, Code::WindowAgent);
    drop(running);
    run(&adapter, forward(ASK)).await.done();
    upstream
        .until("the dropped call's connection closed", |seen| seen.hangups == 1)
        .await;
}

#[tokio::test]
async fn azure_names_the_deployment_in_the_path() {
    let upstream = Upstream::start([Script::json("200 OK", COMPLETION)]).await;
    let adapter = adapter(&upstream, |settings| {
        settings.base_url = upstream.url("");
        settings.auth = Auth::ApiKey(Secret::new("az".to_owned()));
        settings.api_version = Some("2024-10-21".to_owned());
    });
    run(&adapter, forward(ASK)).await.done();
    let request = upstream.seen().requests.remove(0);
    assert_eq!(
        request.line,
        "POST /openai/deployments/m-1/chat/completions?api-version=2024-10-21 HTTP/1.1"
    );
    assert_eq!(
        (request.header("api-key"), request.header("authorization")),
        (Some("az"), None)
    );
    let odd = Call {
        model: "a/../b".into(),
        ..forward(ASK)
    };
    assert_eq!(run(&adapter, odd).await.fault().code, Code::NotFound);
}

#[tokio::test]
async fn embeddings_are_forwarded() {
    let answer = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.0023064255,-0.009327292]}],"model":"te","usage":{"prompt_tokens":8,"total_tokens":8}}"#;
    let upstream = Upstream::start([Script::json("200 OK", answer), Script::json("200 OK", answer)]).await;
    let adapter = adapter(&upstream, |_| {});
    let ask = Some((Dialect::OpenAiEmbeddings, r#"{"input":"x","model":"auto"}"#));
    let end = run(&adapter, call(Form::Forward, false, ask, Content::prompt("x")))
        .await
        .done();
    assert_eq!(end.body.as_deref(), Some(answer.as_bytes()));
    assert_eq!(end.usage, reported(8, 0));
    let end = run(&adapter, call(Form::Read, false, ask, Content::prompt("x")))
        .await
        .done();
    assert_eq!(end.data.unwrap()["data"][0]["embedding"][0], json!(0.0023064255));
    assert_eq!(upstream.seen().requests[0].line, "POST /v1/embeddings HTTP/1.1");
}

#[tokio::test]
async fn a_probe_tells_a_refusal_from_a_reply() {
    let scripts = [
        Script::json("200 OK", "{}"),
        Script::json("404 Not Found", "{}"),
        Script::json("401 Unauthorized", "{}"),
    ];
    let upstream = Upstream::start(scripts).await;
    let adapter = adapter(&upstream, |_| {});
    for status in [
        HealthStatus::Healthy,
        HealthStatus::Healthy,
        HealthStatus::Unhealthy,
    ] {
        assert_eq!(adapter.health().await.unwrap().status, status);
    }
    assert_eq!(upstream.seen().requests[0].line, "GET /v1/models HTTP/1.1");
}
