//! What a node tells of itself: spans to a collector, lines in its log.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fixture::{Canned, Node, Recorder, Setup};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
const PROMPT: &str = "the prompt nobody logs";

/// A collector that takes what it is sent.
async fn collector() -> Recorder {
    Recorder::start((0..64).map(|_| Canned::json("{}"))).await
}

/// A provider with one answer after the other.
async fn provider() -> Recorder {
    let answer = json!({
        "id": "x", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "hello" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8 },
    });
    Recorder::start((0..8).map(|_| Canned::json(answer.to_string()))).await
}

fn traced(provider: &Recorder, collector: &Recorder, sampling: &str) -> Setup {
    let endpoint = collector.url.trim_end_matches("/v1");
    Setup::new().provider("up", "openai", &provider.url, &["m"]).with(
        "telemetry",
        json!({ "otlp_endpoint": endpoint, "sampling": sampling }),
    )
}

async fn ask(node: &Node, key: &str) -> u16 {
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": PROMPT }] });
    let ask = node.chat(key, body);
    let trace = format!("00-{TRACE}-{CALLER}-01");
    ask.header("traceparent", &trace).send().await.status
}

/// Ends the node, which sends what it has; every span the collector got, by name.
async fn spans(node: Node, collector: &Recorder) -> BTreeMap<String, Span> {
    node.terminate();
    let (status, _) = node.ended().await;
    assert!(status.success(), "{status}");
    let mut spans = BTreeMap::new();
    for sent in collector.seen() {
        assert_eq!(sent.path, "/v1/traces");
        let request = ExportTraceServiceRequest::decode(sent.body).expect("OTLP");
        for span in request
            .resource_spans
            .into_iter()
            .flat_map(|of| of.scope_spans)
            .flat_map(|of| of.spans)
        {
            spans.insert(span.name.clone(), span);
        }
    }
    spans
}

fn attribute(span: &Span, name: &str) -> Value {
    let found = span.attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Any::StringValue(text)) => text.into(),
        Some(Any::IntValue(int)) => int.into(),
        Some(Any::DoubleValue(double)) => double.into(),
        Some(Any::BoolValue(is_so)) => is_so.into(),
        _ => Value::Null,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn what_is_no_http_leaves_no_error_in_the_log() {
    let node = Setup::new().start().await;
    let mut stream = TcpStream::connect(node.api.trim_start_matches("http://"))
        .await
        .unwrap();
    stream.write_all(b"no \x00 request\r\n\r\n").await.unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).await.unwrap();
    assert!(told.starts_with("HTTP/1.1 400"), "{told}");
    node.terminate();
    let log = node.ended().await.1.log();
    assert!(!log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn a_request_is_a_tree_of_spans_below_its_caller() {
    let (provider, collector) = (provider().await, collector().await);
    let node = traced(&provider, &collector, "silver:1.0").start().await;
    let key = node.unlimited().await;
    assert_eq!(ask(&node, &key).await, 200);
    let spans = spans(node, &collector).await;
    let ask = &spans["ask"];
    assert_eq!(
        (hex(&ask.trace_id), hex(&ask.parent_span_id)),
        (TRACE.to_owned(), CALLER.to_owned())
    );
    let parents = [
        ("policy.evaluate", "ask"),
        ("budget.check", "ask"),
        ("fair.acquire", "ask"),
        ("dispatch", "ask"),
        ("adapter.stream", "dispatch"),
    ];
    for (name, parent) in parents {
        let span = spans.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(span.parent_span_id, spans[parent].span_id, "{name}");
        assert_eq!(hex(&span.trace_id), TRACE, "{name}");
        assert_eq!(attribute(span, "tenant"), "acme", "{name}");
        assert_eq!(attribute(span, "qos"), "silver", "{name}");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{name}");
    }
    let call = &spans["adapter.stream"];
    assert_eq!(attribute(call, "agent"), "up");
    assert_eq!(attribute(call, "model"), "m");
    assert_eq!(attribute(call, "tokens_out"), 5);
    assert_eq!(attribute(ask, "tokens_in"), 3);
    assert_eq!(attribute(&spans["budget.check"], "budget.ok"), true);
    assert_eq!(attribute(&spans["fair.acquire"], "fair.fast_path"), true);
    let text = format!("{spans:?}");
    assert!(!text.contains(PROMPT), "spans carry no content");
    let told = &provider.only().headers["traceparent"];
    assert_eq!(
        told.to_str().unwrap(),
        format!("00-{TRACE}-{}-01", hex(&call.span_id))
    );
}

#[tokio::test]
async fn failures_are_kept_whatever_the_rate() {
    let (provider, collector) = (provider().await, collector().await);
    let node = traced(&provider, &collector, "gold:0,silver:0,bronze:0")
        .start()
        .await;
    let (rich, poor) = (
        node.unlimited().await,
        node.tenant("poor", json!({ "limit_tokens": 1 })).await,
    );
    assert_eq!(ask(&node, &rich).await, 200);
    assert_eq!(ask(&node, &poor).await, 402);
    let spans = spans(node, &collector).await;
    assert_eq!(attribute(&spans["ask"], "tenant"), "poor");
    assert_eq!(attribute(&spans["ask"], "code"), "EBUDGET");
    assert!(spans.contains_key("budget.denied"));
    assert!(!spans.contains_key("adapter.stream"), "{:?}", spans.keys());
}

#[tokio::test]
async fn escalations_are_kept_whatever_the_rate() {
    let collector = collector().await;
    let endpoint = collector.url.trim_end_matches("/v1");
    let policy = "policies:\n  - id: default\n    fanout: [summarizer.local, keywords.local]\n    k: 2\n    \
        strategy: consensus\n    constraints: { latency_slo_ms: 60000 }\n    \
        escalation: { on: [disagreement, low_conf], to: [reviewer.local], max_depth: 1 }\n";
    let builtins = ["summarizer.local", "keywords.local", "reviewer.local"];
    let setup = builtins
        .iter()
        .fold(Setup::new().policy(policy), |setup, id| setup.builtin(id));
    let telemetry = json!({ "otlp_endpoint": endpoint, "sampling": "gold:0,silver:0,bronze:0" });
    let node = setup.with("telemetry", telemetry).start().await;
    let key = node.unlimited().await;
    let question = json!({ "prompt": "Routers route. Budgets hold. Sessions survive a router." });
    node.post("/v1/ask", question).key(&key).send().await;
    node.settled("acme").await;
    let spans = spans(node, &collector).await;
    let merging = &spans["reconciliation.session"];
    assert_eq!(merging.parent_span_id, spans["ask"].span_id);
    assert_eq!(attribute(merging, "session.personas"), 2);
    assert_eq!(attribute(&spans["policy.evaluate"], "policy.escalate"), true);
}

#[tokio::test]
async fn a_collector_that_is_not_there_holds_nothing_up() {
    let provider = provider().await;
    let nowhere = json!({ "otlp_endpoint": "http://127.0.0.1:9", "sampling": "silver:1.0" });
    let setup = Setup::new().provider("up", "openai", &provider.url, &["m"]);
    let node = setup.with("telemetry", nowhere).start().await;
    let key = node.unlimited().await;
    assert_eq!(ask(&node, &key).await, 200);
    node.terminate();
    let (status, setup) = node.ended().await;
    assert!(status.success());
    let log = setup.log();
    assert_eq!(log.matches("the collector takes no spans").count(), 1, "{log}");
}

#[tokio::test]
async fn without_a_collector_the_callers_trace_is_passed_on_as_it_came() {
    let provider = provider().await;
    let node = Setup::new().provider("up", "openai", &provider.url, &["m"]);
    let node = node.start().await;
    let key = node.unlimited().await;
    assert_eq!(ask(&node, &key).await, 200);
    let told = &provider.only().headers["traceparent"];
    assert_eq!(told.to_str().unwrap(), format!("00-{TRACE}-{CALLER}-01"));
}

#[tokio::test]
async fn log_lines_are_json_that_names_the_request_and_not_its_content() {
    let provider = provider().await;
    let setup = Setup::new().provider("up", "openai", &provider.url, &["m"]);
    let setup = setup.with("telemetry", json!({ "log": "debug", "log_format": "json" }));
    let node = setup.start().await;
    let key = node.unlimited().await;
    let poor = node.tenant("poor", json!({ "limit_tokens": 1 })).await;
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": PROMPT }] });
    let asked = node
        .chat(&key, body.clone())
        .header("x-correlation-id", "corr-1")
        .send()
        .await;
    assert_eq!(asked.status, 200);
    node.settled("acme").await;
    let refused = node
        .chat(&poor, body)
        .header("x-correlation-id", "corr-2")
        .send()
        .await;
    assert_eq!(refused.status, 402);
    node.terminate();
    let (_, setup) = node.ended().await;
    let log = setup.log();
    let lines: Vec<Value> = log
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect();
    let of = |correlation: &str| {
        let found = lines
            .iter()
            .find(|line| line["correlation_id"] == correlation && line["msg"] == "request ended");
        found.unwrap_or_else(|| panic!("no line of {correlation} in {log}"))
    };
    for (line, tenant) in [(of("corr-1"), "acme"), (of("corr-2"), "poor")] {
        assert_eq!(line["tenant"], tenant, "{line}");
        for member in ["ts", "level", "session_id", "stream_id"] {
            assert!(line[member].is_string(), "{member}: {line}");
        }
    }
    assert_eq!(
        (&of("corr-1")["code"], &of("corr-2")["code"]),
        (&Value::Null, &"EBUDGET".into())
    );
    for secret in [PROMPT, "hello", key.as_str()] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
