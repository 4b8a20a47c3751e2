use super::*;
use crate::adapter::{AgentStatus, HealthStatus};
use crate::error::{Code, Fault, Scope};
use crate::finding::Severity;
use crate::ids::{CloneId, PersonaId, SessionId};
use crate::limits::Limits;
use crate::sign::{Secret, Strength};
use crate::units::{Amount, PartialWindow};
use crate::value::{Value, json};

fn payload(text: &str) -> Payload<'_> {
    Payload::read(json::parse(text, &Limits::DEFAULT).unwrap()).unwrap()
}

/// The body of a payload of this type and content.
fn body(kind: &str, content: &str) -> Result<Body, Fault> {
    Body::read(&payload(&format!(r#"{{"type":"{kind}","content":{content}}}"#)))
}

macro_rules! read {
    ($variant:ident, $kind:expr, $content:expr) => {
        match body($kind, $content) {
            Ok(Body::$variant(body)) => body,
            other => panic!("{}: {other:?}", $content),
        }
    };
}

#[test]
fn what_a_content_lacks_or_has_wrong_is_bad_input_of_the_message() {
    for (kind, content) in [
        ("agent.request", "null"),
        ("agent.result.partial", "{}"),
        ("agent.result.partial", r#"{"text":7}"#),
        (
            "agent.result.provisional",
            r#"{"result":{},"telemetry":{},"revision":1,"status":"UPGRADED"}"#,
        ),
        (
            "agent.result.final",
            r#"{"text":"x","usage":{"in_tokens":-1,"out_tokens":1}}"#,
        ),
        ("agent.result.error", "{}"),
        ("agent.question", r#"{"question_id":"q"}"#),
        ("agent.log", r#"{"level":"fatal","text":"x"}"#),
        ("agent.event", "{}"),
        ("agent.status", r#"{"agent_id":"a","status":"ASLEEP","at":1}"#),
        ("agent.dispatch", r#"{"session_id":"s","targets":[],"budget":{}}"#),
        (
            "agent.dispatch",
            r#"{"targets":[{"persona_id":"a","clone_id":1}],"budget":{}}"#,
        ),
        (
            "agent.dispatch",
            r#"{"session_id":"s","targets":[{"persona_id":"a:b","clone_id":1}],"budget":{}}"#,
        ),
        ("agent.stream", "{}"),
        ("agent.end", "{}"),
        (
            "agent.end",
            r#"{"stats":{"latency_ms":1,"tokens":2},"status":"done"}"#,
        ),
        ("tool.request", r#"{"tool":"t","args":[]}"#),
        ("tool.request", r#"{"tool":"t","args":{},"timeout_ms":999}"#),
        ("tool.result", r#"{"ok":"yes"}"#),
        ("control.hello", "{}"),
        ("control.resume", "{}"),
        ("control.status", r#"{"status":"ready"}"#),
        ("control.status", r#"{"status":"READY","metrics":{"gpu_util":2}}"#),
        (
            "control.status",
            r#"{"status":"READY","suggested_window":{"max_parallel":2000}}"#,
        ),
        (
            "adapter.capability",
            r#"{"adapter_id":"a","adapter_type":"x","capabilities":[]}"#,
        ),
        ("adapter.health", r#"{"status":"healthy"}"#),
        (
            "adapter.health",
            r#"{"adapter_id":"a","status":"healthy","error_rate":100.5}"#,
        ),
        (
            "adapter.health",
            r#"{"adapter_id":"a","status":"healthy","p95_latency_ms":-1}"#,
        ),
        ("control.estimate_request", r#"{"request_id":"r"}"#),
        (
            "control.estimate",
            r#"{"request_id":"r","in_tokens":1,"out_tokens":-2,"usd_micros":1}"#,
        ),
        (
            "control.estimate",
            r#"{"request_id":"r","in_tokens":1,"out_tokens":2}"#,
        ),
        ("control.window_update", r#"{"scope":"stream"}"#),
        ("control.window_update", r#"{"update_id":1,"scope":"planet"}"#),
        ("control.budget_update", r#"{"op":"multiply"}"#),
        ("control.route_update", r#"{"router_id":"r","seq":1,"ops":[]}"#),
        ("control.ack", r#"{"msg_seq":1,"ack_up_to":-2}"#),
        ("control.error", "{}"),
        ("heartbeat", r#"{"ts":"now"}"#),
    ] {
        let fault = body(kind, content)
            .map(|body| panic!("{kind} {content}: {body:?}"))
            .unwrap_err();
        assert_eq!(
            (fault.code, fault.scope),
            (Code::BadInput, Scope::Message),
            "{kind} {content}"
        );
        assert!(fault.detail.starts_with("content"), "{fault}");
    }
}

#[test]
fn a_type_of_a_later_version_is_unknown_and_no_error() {
    assert!(matches!(body("agent.dream", "{}"), Ok(Body::Unknown)));
    assert!(matches!(body("x", "[1]"), Ok(Body::Unknown)));
}

#[test]
fn findings_of_a_final_are_judged_one_by_one() {
    let last = read!(
        Final,
        "final",
        r#"{"text":"t","usage":{"in_tokens":1,"out_tokens":2,"usd":0.5},"findings":[
            {"id":"F-1","type":"x","claim":"c","severity":"critical","confidence":0.5},
            {"id":"1","type":"x","claim":"c","severity":"high","confidence":0.5},
            {"id":"F-3","type":"x","claim":"","severity":"high","confidence":0.5},
            {"id":"F-4","type":"x","claim":"c","severity":"high","confidence":1.5},
            {"id":"F-5","type":"x","claim":"c","severity":"dire","confidence":1}]}"#
    );
    assert_eq!(last.usage.unwrap().usd_micros, Some(500_000));
    assert_eq!(last.findings.len(), 1);
    assert_eq!(
        (last.findings[0].severity, last.findings[0].critical),
        (Severity::High, true)
    );
    assert_eq!(last.invalid_findings.len(), 4);
    assert!(last.invalid_findings[0].starts_with("finding 1: id must be"));
    assert_eq!(
        read!(Final, "completion_response", r#""just text""#)
            .text
            .as_deref(),
        Some("just text")
    );
}

#[test]
fn error_rates_above_one_are_percentages() {
    let rate = |text: &str| {
        let content =
            format!(r#"{{"adapter_id":"a","status":"degraded","error_rate":{text},"memory_usage_mb":7}}"#);
        let health = read!(Health, "HEALTH", &content);
        assert_eq!(
            (health.adapter_id.as_str(), health.health.status),
            ("a", HealthStatus::Degraded)
        );
        health.health.error_rate.unwrap()
    };
    assert!((rate("0.02") - 0.02).abs() < 1e-12);
    assert!((rate("1") - 1.0).abs() < 1e-12);
    assert!((rate("2") - 0.02).abs() < 1e-12);
    assert!((rate("100.0") - 1.0).abs() < 1e-12);
}

#[test]
fn aliases_of_members_are_read() {
    let status = read!(
        Status,
        "STATUS",
        r#"{"status":"BUSY","suggested_wait_ms":9,"suggested_window":{"max_usd":1}}"#
    );
    assert_eq!(
        (status.status, status.retry_after_ms),
        (AgentStatus::Busy, Some(9))
    );
    assert_eq!(status.suggested_window.unwrap().max_usd_micros, Some(1_000_000));

    let estimate = read!(
        Estimate,
        "ESTIMATE",
        r#"{"request_id":"r","tokens_in":1,"tokens_out":2,"usd":0.001,"variance":{"tokens":1,"usd":2},
           "tool_cost_breakdown":[{"tool":"a","usd_micros":3},{"tool":"b","usd_micros":4}]}"#
    );
    assert_eq!(
        (estimate.estimate.in_tokens, estimate.estimate.usd_micros),
        (1, 1_000)
    );
    assert_eq!(estimate.estimate.tools_usd_micros, 7);
    let sum = r#"{"request_id":"r","in_tokens":1,"out_tokens":2,"usd_micros":1,"tool_cost_breakdown":{"tools_used":["a"],"total_tool_cost_usd_micros":9}}"#;
    assert_eq!(
        read!(Estimate, "control.estimate", sum).estimate.tools_usd_micros,
        9
    );

    let budget = read!(
        BudgetUpdate,
        "control.budget_update",
        r#"{"dollars":0.25,"tokens":5}"#
    );
    assert_eq!(
        (budget.op, budget.usd_micros, budget.tokens),
        (BudgetOp::Set, Some(250_000), Some(5))
    );

    let dispatch = read!(
        Dispatch,
        "DISPATCH",
        r#"{"session_id":"s","targets":[{"persona_id":"a","clone_id":1}],"budget":{"tokens":5,"dollars":1},"content":"do it"}"#
    );
    assert_eq!(
        (dispatch.budget.tokens, dispatch.budget.usd_micros),
        (5, 1_000_000)
    );
    assert_eq!(dispatch.content.unwrap().content.messages.len(), 1);

    let tool = read!(
        ToolRequest,
        "tool.request",
        r#"{"tool":"t","args":{},"budget_usd":0.0}"#
    );
    assert_eq!((tool.budget_usd_micros, tool.timeout_ms), (Some(0), 30_000));
}

#[test]
fn what_is_hoisted_reads_like_content() {
    let hoisted = payload(
        r#"{"type":"ERROR","code":"EWINDOW","retryable":true,"retry_after_ms":5,"scope":"lane","confidence":1}"#,
    );
    let Ok(Body::Error(error)) = Body::read(&hoisted) else {
        panic!("an error")
    };
    assert_eq!(
        (error.code.as_ref(), error.retry_after_ms, error.scope),
        ("EWINDOW", Some(5), Scope::Lane)
    );
    assert_eq!(hoisted.confidence, Some(1.0));
    let ack = payload(r#"{"type":"control.ack","cum":11,"ack_up_to":3}"#);
    assert!(matches!(
        Body::read(&ack),
        Ok(Body::Ack(Ack {
            msg_seq: None,
            ack_up_to: Some(3),
            cum: Some(11),
            ..
        }))
    ));
    assert!(matches!(
        Body::read(&payload(r#"{"type":"HB"}"#)),
        Ok(Body::Heartbeat(Heartbeat { ts: None }))
    ));
}

#[test]
fn window_updates_keep_a_reason_of_a_later_version_apart() {
    let update = read!(
        WindowUpdate,
        "control.window_update",
        r#"{"max_tokens":5,"max_usd":2,"update_id":3,"scope":"agent","reason":"solar_flare","ack":{"msg_seq":4,"completed":true}}"#
    );
    assert_eq!(
        update.window,
        PartialWindow {
            max_parallel: None,
            max_tokens: Some(5),
            max_usd_micros: Some(2_000_000)
        }
    );
    assert_eq!(
        (update.reason, update.ack.unwrap().msg_seq),
        (Some(WindowReason::Other), Some(4))
    );
}

#[test]
fn what_the_router_sends_reads_back() {
    let update = WindowUpdate::new(
        PartialWindow {
            max_parallel: Some(2),
            ..PartialWindow::default()
        },
        7,
        WindowScope::Stream,
        WindowReason::Grant,
    );
    let sent = Payload::of(Kind::WindowUpdate, &update);
    let text = json::text(sent.content.as_ref().unwrap()).unwrap();
    assert_eq!(
        text,
        r#"{"max_parallel":2,"reason":"grant","scope":"stream","update_id":7}"#
    );
    assert!(matches!(Body::read(&sent), Ok(Body::WindowUpdate(back)) if *back == update));

    let telemetry = Telemetry::of(CostEst {
        in_tokens: 1,
        out_tokens: 2,
        usd_micros: 1_500_000,
    });
    assert_eq!(
        (telemetry.tokens, telemetry.usd.to_bits()),
        (3, 1.5_f64.to_bits())
    );
    let provisional = Provisional {
        result: Final {
            telemetry,
            ..Final::default()
        },
        revision: 1,
        status: ProvisionalStatus::Provisional,
        incremental: false,
    };
    let mut sent = Payload::of(Kind::AgentProvisional, &provisional);
    sent.confidence = Some(0.7);
    sent.expiry_ms = Some(Provisional::EXPIRY_MS);
    assert!(matches!(Body::read(&sent), Ok(Body::Provisional(back)) if *back == provisional));

    let question = read!(Question, "question", r#"{"question_id":"q","text":"?"}"#);
    assert_eq!((question.required, question.timeout_ms), (false, 60_000));
    let sent = Payload::of(Kind::AgentQuestion, &question);
    assert!(matches!(Body::read(&sent), Ok(Body::Question(back)) if back == question));
    assert_eq!(
        json::text(&Value::of(&Answer::default())).unwrap(),
        r#"{"answer":null}"#
    );

    let fault = Fault::new(Code::Window, "full").control_error();
    assert!(matches!(Body::read(&Payload::of(Kind::Error, &fault)), Ok(Body::Error(back)) if *back == fault));
}

#[test]
fn a_question_for_an_estimate_reads_back() {
    let content = crate::request::Content::prompt("how much?");
    let sent = Payload::new(Kind::EstimateRequest, EstimateRequest::ask("r1", &content, 300));
    let Ok(Body::EstimateRequest(asked)) = Body::read(&sent) else {
        panic!("a question")
    };
    assert_eq!((asked.request_id.as_str(), asked.deadline_ms), ("r1", 300));
    assert_eq!(asked.content.content.text_bytes(), "how much?".len());
}

#[test]
fn route_updates_are_verified_as_received() {
    let secret = Secret::new(&[3; 32], Strength::Production).unwrap();
    let update = RouteUpdate {
        router_id: "r".to_owned(),
        seq: 1,
        ops: vec![RouteOps {
            op: RouteOp::Announce,
            agent_prefix: "reviewer".to_owned(),
            caps: None,
            metrics: None,
            ttl_ms: Some(1_000),
        }],
        sig: String::new(),
    };
    let mut sent = update.signed(&secret).unwrap();
    assert!(RouteUpdate::verify(&sent, &secret));
    assert!(matches!(Body::read(&sent), Ok(Body::RouteUpdate(back)) if back.ops.len() == 1));
    let content = sent.content.as_mut().and_then(Value::as_object_mut).unwrap();
    content.set("later_member", 1_u32);
    assert!(
        !RouteUpdate::verify(&sent, &secret),
        "members unknown to us are signed too"
    );
}

#[test]
fn work_for_an_agent_reads_back() {
    let content = crate::request::Content {
        max_tokens: Some(9),
        ..crate::request::Content::prompt("do it")
    };
    let request = Request {
        max_cost_usd_micros: Some(5_000),
        stream: Some(true),
        conversation_id: Some("c".to_owned()),
        context_refs: vec!["ref".to_owned()],
        ..Request::of(content)
    };
    let dispatch = Dispatch {
        targets: vec![Target {
            persona_id: PersonaId::new("doc").unwrap(),
            clone_id: CloneId(1),
            lane_id: None,
            qos: None,
            diversity_seed: Some(7),
        }],
        budget: Amount {
            tokens: 1,
            usd_micros: 2,
        },
        content: Some(request),
        deadline_ms: Some(100),
    };
    let sent = Payload::new(
        Kind::AgentDispatch,
        dispatch.to_value(&SessionId::new("p").unwrap()),
    );
    let received = Payload::read(sent.into_value()).unwrap();
    assert_eq!(received.session_id.as_ref().map(SessionId::as_str), Some("p"));
    let Ok(Body::Dispatch(back)) = Body::read(&received) else {
        panic!("a dispatch")
    };
    assert_eq!(
        (&back.targets, back.budget, back.deadline_ms),
        (&dispatch.targets, dispatch.budget, Some(100))
    );
    let request = back.content.unwrap();
    assert_eq!(
        (request.max_cost_usd_micros, request.stream),
        (Some(5_000), Some(true))
    );
    assert_eq!(
        (request.content.max_tokens, request.context_refs.len()),
        (Some(9), 1)
    );
    assert_eq!(request.content.text_bytes(), "do it".len());
}
