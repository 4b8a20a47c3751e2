//! Structure: what is read, what is refused and where the blame goes.

use super::*;

#[test]
fn a_frame_is_read_with_its_aliases_and_what_it_does_not_know() {
    let received = baseline(OPEN).unwrap();
    let frame = received.frame;
    assert_eq!(frame.payload.kind, Some(Kind::AgentRequest));
    assert_eq!(frame.qos, Some(Tier::Gold));
    assert_eq!(
        frame.meta.as_ref().unwrap().task().task_type.as_deref(),
        Some("qa")
    );
    assert_eq!(
        frame.other.get("x_vendor"),
        Some(&Value::Array(vec![Value::Int(1)]))
    );
    assert!(!received.is_signed && !received.is_cbor && received.dialect.is_none());
}

#[test]
fn structure_names_the_member_at_fault() {
    for (name, value) in [
        ("v", "2"),
        ("v", "1.0"),
        ("v", "null"),
        ("v", "\"1\""),
        ("session_id", "\"a b\""),
        ("session_id", "null"),
        ("stream_id", "7"),
        ("msg_seq", "-1"),
        ("msg_seq", "9007199254740992"),
        ("msg_seq", "1e0"),
        ("frag_seq", "4096"),
        ("flags", "[\" \"]"),
        ("qos", "\"Gold\""),
        ("ttl", "256"),
        ("window", "{}"),
        (
            "window",
            r#"{"max_parallel":1001,"max_tokens":0,"max_usd_micros":0}"#,
        ),
        ("meta", r#"{"languages":"py"}"#),
        ("meta", r#"{"deadline_ms":0}"#),
        ("meta", r#"{"causal":{"a":"1"}}"#),
        ("meta", r#"{"idempotency_key":""}"#),
        ("meta", r#"{"expose_lanes":1}"#),
        ("meta", r#"{"personas":[{"persona_id":"a:b"}]}"#),
        ("meta", r#"{"personas":[{"persona_id":"a","count":9}]}"#),
        ("payload", "[]"),
        ("payload", "{}"),
        ("payload", r#"{"type":""}"#),
        ("payload", r#"{"type":"agent.result.partial"}"#),
        ("payload", r#"{"type":"agent.unheard_of"}"#),
        ("payload", r#"{"type":"x","confidence":1.1}"#),
        ("payload", r#"{"type":"x","cost_est":{"in_tokens":1}}"#),
        ("payload", r#"{"type":"x","clone_id":0}"#),
        ("payload", r#"{"type":"x","persona_id":"a:b"}"#),
        ("qos", "null"),
        ("ttl", "null"),
        ("window", "null"),
        ("meta", "null"),
        ("payload", "null"),
        ("nonce", "\"short\""),
        ("ts", "\"1\""),
    ] {
        let text = open_with(&[(name, value)]);
        let fault = baseline(&text).unwrap_err();
        assert_eq!(
            (fault.code, fault.scope),
            (Code::Proto, Scope::Frame),
            "{name} = {value}: {fault}"
        );
        assert!(fault.detail.starts_with(name), "{name} = {value}: {fault}");
    }
}

#[test]
fn null_means_absent_and_open_streams_inherit() {
    let text = open_with(&[
        ("flags", "[]"),
        ("qos", "null"),
        ("ttl", "null"),
        ("window", "null"),
        ("meta", "null"),
    ]);
    let nulls = text.replacen('{', r#"{"qos":null,"sig":null,"frag_seq":null,"#, 1);
    let frame = baseline(&nulls).unwrap().frame;
    assert_eq!((frame.qos, frame.ttl, frame.frag_seq), (None, None, 0));
    assert!(frame.check_opening().is_err(), "but it cannot open a stream");
    let hello = open_with(&[("stream_id", "\"-\""), ("qos", "null"), ("window", "null")]);
    assert!(baseline(&hello).is_ok(), "the control stream is always open");
}

#[test]
fn a_large_meta_is_refused() {
    let note = "n".repeat(70_000);
    let text = open_with(&[("meta", &format!("{{\"note\":\"{note}\"}}"))]);
    assert!(
        baseline(&text)
            .unwrap_err()
            .detail
            .starts_with("meta: at most 65536 bytes")
    );
    let content = open_with(&[(
        "payload",
        &format!(r#"{{"type":"completion","content":"{note}"}}"#),
    )]);
    assert!(baseline(&content).is_ok());
}

#[test]
fn lane_members_are_visible_in_either_place() {
    for payload in [
        r#"{"type":"STREAM","session_id":"p","persona_id":"doc","clone_id":2,"seq":3,"data":"x"}"#,
        r#"{"type":"agent.stream","content":{"session_id":"p","persona_id":"doc","clone_id":2,"seq":3,"data":"x"}}"#,
        r#"{"type":"agent.stream","persona_id":"doc","content":{"session_id":"p","clone_id":2,"seq":3,"data":"x"}}"#,
    ] {
        let text = open_with(&[("payload", payload), ("flags", "[]")]);
        let payload = baseline(&text).unwrap().frame.payload;
        assert_eq!(payload.lane().key(&StreamId::new("t").unwrap()), "doc-2:t");
        assert_eq!(
            (payload.seq, payload.session_id.as_ref().map(SessionId::as_str)),
            (Some(3), Some("p"))
        );
        let data = payload
            .content
            .as_ref()
            .and_then(|content| content.as_object()?.get("data"));
        assert_eq!(data, Some(&Value::from("x")));
    }
}

#[test]
fn control_with_an_op_is_that_control_type() {
    for payload in [
        r#"{"type":"control","op":"WINDOW_UPDATE","update_id":1}"#,
        r#"{"type":"control","content":{"op":"window_update","update_id":1}}"#,
    ] {
        let text = open_with(&[("payload", payload), ("flags", "[]")]);
        let payload = baseline(&text).unwrap().frame.payload;
        assert_eq!(payload.kind, Some(Kind::WindowUpdate));
        let content = payload.content.unwrap();
        assert_eq!(json::text(&content).unwrap(), r#"{"update_id":1}"#);
    }
    let text = open_with(&[
        ("payload", r#"{"type":"control","op":"completion"}"#),
        ("flags", "[]"),
    ]);
    assert_eq!(baseline(&text).unwrap().frame.payload.kind, None);
}

#[test]
fn parse_failures_end_the_connection_and_sizes_come_first() {
    for text in ["{", "[]", "1", r#"{"v":1,"v":1}"#] {
        let fault = baseline(text).unwrap_err();
        assert_eq!(
            (fault.code, fault.scope),
            (Code::Proto, Scope::Connection),
            "{text}"
        );
    }
    let limits = Limits {
        frame_bytes: 10,
        ..Limits::DEFAULT
    };
    let fault = receive("{not json at all", &Policy::baseline(&limits)).unwrap_err();
    assert_eq!(fault.code, Code::TooBig);
}

#[test]
fn contradicting_flags_and_spent_hops_are_refused() {
    let contradicting = open_with(&[("flags", r#"["SYN","RST"]"#)]);
    assert_eq!(baseline(&contradicting).unwrap_err().code, Code::Proto);
    assert_eq!(baseline(&open_with(&[("ttl", "0")])).unwrap_err().code, Code::Ttl);
    let marked = open_with(&[("flags", r#"["REASSEMBLED"]"#)]);
    assert!(
        !baseline(&marked).unwrap().frame.flags.has(Flag::Reassembled),
        "only we reassemble"
    );
}

#[test]
fn flags_are_implied_where_clients_forget_them() {
    let heartbeat = open_with(&[("payload", r#"{"type":"heartbeat"}"#), ("flags", "[]")]);
    assert!(baseline(&heartbeat).unwrap().frame.flags.has(Flag::Heartbeat));
    let partial = open_with(&[(
        "payload",
        r#"{"type":"agent.result.partial","content":{"text":"do"}}"#,
    )]);
    assert_eq!(
        baseline(&partial).unwrap().frame.payload.kind,
        Some(Kind::AgentRequest)
    );
    let agent = Policy {
        role: Role::Agent,
        ..Policy::baseline(&Limits::DEFAULT)
    };
    assert_eq!(
        receive(&partial, &agent).unwrap().frame.payload.kind,
        Some(Kind::AgentPartial)
    );
}
