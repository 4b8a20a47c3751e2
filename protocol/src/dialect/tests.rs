use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::error::{Code, Fault};
use crate::frame::{Flag, Frame, Incoming, Policy, ingress};
use crate::ids::{SessionId, StreamId};
use crate::limits::Limits;
use crate::payload::{Final, Heartbeat, Kind, Partial, Payload, Reconciled, Telemetry};
use crate::units::{Tier, UnixMillis, Window};
use crate::value::{Object, Value, json as text};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const ALL: [Dialect; 3] = [Dialect::Ts, Dialect::Go, Dialect::Py];

fn object(json: &Json) -> Object<'static> {
    match Value::from(json.clone()) {
        Value::Object(object) => object,
        other => panic!("not an object: {other:?}"),
    }
}

fn frame(payload: Payload<'static>) -> Frame<'static> {
    Frame {
        qos: Some(Tier::Gold),
        window: Some(Window::MAX),
        ..Frame::new(
            SessionId::new("s").unwrap(),
            StreamId::new("t").unwrap(),
            9,
            payload,
        )
    }
}

fn replies(frame: &Frame<'_>) -> [Option<Json>; 3] {
    ALL.map(|dialect| reply(dialect, frame, NOW).map(|text| serde_json::from_str(&text).unwrap()))
}

#[test]
fn the_first_message_tells_the_dialect_and_the_url_rules() {
    let endpoint = Endpoint::default();
    let mcp = Endpoint {
        is_mcp: true,
        ..endpoint
    };
    let detect = |json: Json, endpoint: &Endpoint<'_>| Dialect::detect(&object(&json), endpoint);
    let native = json!({"v": 1, "session_id": "s", "payload": {"type": "agent.request"}});
    assert_eq!(detect(native.clone(), &endpoint), None);
    assert_eq!(detect(native.clone(), &mcp), Some(Dialect::Py));
    assert_eq!(
        detect(
            native,
            &Endpoint {
                dialect: Some("ts"),
                ..endpoint
            }
        ),
        Some(Dialect::Ts)
    );
    let completion =
        |flags: Json| json!({"v": 1, "session_id": "s", "flags": flags, "payload": {"type": "completion"}});
    assert_eq!(detect(completion(json!([])), &endpoint), Some(Dialect::Py));
    assert_eq!(detect(completion(json!(null)), &endpoint), Some(Dialect::Py));
    assert_eq!(detect(completion(json!(["SYN"])), &endpoint), None);
    assert_eq!(
        detect(json!({"sessionId": "s", "msgSeq": 1}), &endpoint),
        Some(Dialect::Ts)
    );
    assert_eq!(detect(json!({"type": "x"}), &endpoint), Some(Dialect::Go));
    assert_eq!(detect(json!({"type": "x"}), &mcp), None);
}

#[test]
fn the_go_client_needs_a_session_in_its_url() {
    let fault = Dialect::Go
        .to_native(object(&json!({"type": "x"})), &Mode::Detect(Endpoint::default()))
        .unwrap_err();
    assert_eq!(fault.code, Code::Proto);
    assert!(fault.detail.starts_with("session_id"));
    let endpoint = Endpoint {
        session_id: Some("s"),
        ..Endpoint::default()
    };
    let native = Dialect::Go
        .to_native(object(&json!({"type": "heartbeat"})), &Mode::Detect(endpoint))
        .unwrap();
    assert_eq!(
        Json::from(&Value::Object(native)),
        json!({"v": 1, "session_id": "s", "stream_id": "-", "msg_seq": 0, "frag_seq": 0,
               "payload": {"type": "heartbeat", "content": {}}})
    );
}

#[test]
fn a_result_is_what_each_client_reads() {
    let telemetry = Telemetry {
        model_used: "m".to_owned(),
        ..Telemetry::of(crate::payload::CostEst {
            in_tokens: 2,
            out_tokens: 3,
            usd_micros: 500,
        })
    };
    let result = Reconciled {
        text: Some("done".to_owned()),
        ..Reconciled::default()
    };
    let result = Final {
        result,
        telemetry,
        ..Final::default()
    };
    let mut payload = Payload::of(Kind::AgentFinal, &result);
    payload.in_reply_to = Some(4);
    payload.confidence = Some(0.75);
    let [ts, go, py] = replies(&frame(payload)).map(Option::unwrap);

    assert_eq!(
        (&ts["streamId"], &ts["msgSeq"], &ts["sessionId"]),
        (&json!("t"), &json!(4), &json!("s"))
    );
    assert_eq!(ts["window"]["maxUsdMicros"], json!(10_000_000_000_u64));
    assert_eq!(
        ts["payload"],
        json!({"type": "completion_response", "content": {"text": "done", "modelUsed": "m", "tokensIn": 2,
               "tokensOut": 3, "costUsd": 0.0005, "qualityScore": 0.75}})
    );
    let said = json!({"text": "done", "model_used": "m", "tokens_in": 2, "tokens_out": 3, "cost_usd": 0.0005,
                      "quality_score": 0.75});
    let wanted =
        json!({"type": "completion_response", "stream_id": "t", "msg_seq": 4, "ts": NOW.0, "payload": said});
    assert_eq!(go, wanted);
    assert_eq!(
        py,
        json!({"type": "completion_response", "stream_id": "t", "msg_seq": 4, "content": said})
    );
}

#[test]
fn an_error_is_what_each_client_reads() {
    let error = Fault::new(Code::Budget, "nothing left").control_error();
    let [ts, go, py] = replies(&frame(Payload::of(Kind::Error, &error))).map(Option::unwrap);
    let said = json!({"message": "nothing left", "code": "EBUDGET"});
    assert_eq!(ts["payload"], json!({"type": "error", "content": said}));
    assert_eq!(
        go,
        json!({"type": "error", "stream_id": "t", "msg_seq": 9, "payload": {"error": said}})
    );
    assert_eq!(py, json!({"type": "error", "stream_id": "t", "error": said}));
}

#[test]
fn heartbeats_partials_and_registrations_are_answered_where_a_client_waits() {
    let mut beat = frame(Payload::of(Kind::Heartbeat, &Heartbeat::default()));
    beat.flags.insert(Flag::Ack);
    let [ts, go, py] = replies(&beat);
    assert_eq!(
        ts.unwrap()["payload"],
        json!({"type": "completion_response", "content": {}})
    );
    assert_eq!(go, None);
    assert_eq!(py.unwrap()["flags"], json!(["ACK", "HB"]));

    let partial = Partial {
        text: Some("a".to_owned()),
        ..Partial::default()
    };
    let [ts, go, py] = replies(&frame(Payload::of(Kind::AgentPartial, &partial)));
    assert_eq!(ts.unwrap()["payload"]["type"], json!("agent.result.partial"));
    assert_eq!((go, py), (None, None));

    let health = frame(Payload::new(Kind::Health, Object::new()));
    assert!(
        registered(Dialect::Go, &health, NOW)
            .unwrap()
            .contains("completion_response")
    );
    assert_eq!(registered(Dialect::Ts, &health, NOW), None);
    assert_eq!(
        registered(
            Dialect::Go,
            &frame(Payload::of(Kind::AgentPartial, &partial)),
            NOW
        ),
        None
    );
}

#[test]
fn a_shimmed_connection_is_never_required_to_sign() {
    let message = r#"{"sessionId":"s","streamId":"t","msgSeq":1,"v":1,"payload":{"type":"completion","content":{"prompt":"x"}}}"#;
    let mut policy = Policy {
        dialect: Mode::Detect(Endpoint::default()),
        ..Policy::baseline(&Limits::DEFAULT)
    };
    policy.required.sig = true;
    let received = ingress(NOW, Incoming::Text(message), &policy, &mut |_| Ok(())).unwrap();
    assert_eq!(received.dialect, Some(Dialect::Ts));
    assert_eq!(implied_flags(&received.frame, true).names().count(), 0);
}

proptest! {
    #[test]
    fn no_tree_makes_a_dialect_panic(
        known in prop::sample::subsequence(vec!["type", "payload", "sessionId", "session_id", "window", "v"], 0..6),
        others in prop::collection::vec("[a-zA-Z_]{0,6}", 0..4),
        nested in any::<bool>(),
    ) {
        let names: Vec<String> = known.into_iter().map(str::to_owned).chain(others).collect();
        let member = |name: &String| {
            let value = if nested { json!({"type": "completion", "content": {"maxTokens": 1}, (name): 1}) } else { json!("x") };
            (name.clone(), value)
        };
        let message = object(&Json::Object(names.iter().map(member).collect()));
        for dialect in ALL {
            let endpoint = Endpoint { session_id: Some("s"), ..Endpoint::default() };
            if let Ok(native) = dialect.to_native(message.clone(), &Mode::Detect(endpoint)) {
                prop_assert!(text::text(&Value::Object(native)).is_ok());
            }
        }
    }
}
