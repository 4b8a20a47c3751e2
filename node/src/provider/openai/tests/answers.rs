//! Calls that go well.

use atp_protocol::adapter::HealthStatus;
use serde_json::json;

use super::*;

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
    assert_eq!(outcome.out_tokens, 4, "16 bytes");
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
    assert_eq!(forwarded.out_tokens, 5, "18 bytes");
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
