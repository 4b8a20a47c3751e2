//! The way out, and laws of both ways.

use proptest::prelude::*;

use super::*;

fn outgoing(payload: Payload<'static>) -> Frame<'static> {
    Frame {
        qos: Some(Tier::Silver),
        ttl: Some(TTL_INITIAL),
        window: Some(Window::MAX),
        meta: Some(Meta::default()),
        ..Frame::new(
            SessionId::new("s").unwrap(),
            StreamId::new("t").unwrap(),
            3,
            payload,
        )
    }
}

fn partial(text: &str) -> Payload<'static> {
    let content = Partial {
        text: Some(text.to_owned()),
        ..Partial::default()
    };
    Payload {
        confidence: Some(0.5),
        ..Payload::of(Kind::AgentPartial, &content)
    }
}

#[test]
fn every_way_out_is_a_way_in() {
    let kid = KeyId::new("k1").unwrap();
    let ring = KeyRing::new(kid.clone(), secret(), 0);
    let keys = Keys {
        ring: Some(&ring),
        default: None,
    };
    let policy = Policy {
        role: Role::Agent,
        accepts_cbor: true,
        accepts_compressed: true,
        keys,
        required: Required {
            sig: true,
            nonce: true,
            ..Required::default()
        },
        ..Policy::baseline(&Limits::DEFAULT)
    };
    let secret = secret();
    let sent = outgoing(partial(&"né ".repeat(600)));
    for wrapping in [
        Wrapping::Json(Some((Some(&kid), &secret))),
        Wrapping::Cbor(Some((Some(&kid), &secret))),
        Wrapping::Envelope(Some(&kid), &secret),
    ] {
        for compression in [None, Some(Algorithm::Deflate), Some(Algorithm::Zstd)] {
            let out = Outbound {
                wrapping,
                checksum: true,
                fresh: Some(("nonce-0001", NOW)),
                compression,
                ..Outbound::json(1 << 20)
            };
            let encoded = encode(sent.clone(), &out).unwrap();
            let message = match &encoded {
                Encoded::Text(text) => Incoming::Text(text),
                Encoded::Binary(bytes) => Incoming::Binary(bytes),
            };
            let received = ingress(NOW, message, &policy, &mut |_| Ok(())).unwrap();
            assert!(received.is_signed, "{wrapping:?} {compression:?}");
            assert_eq!(received.frame, sent, "{wrapping:?} {compression:?}");
        }
    }
}

#[test]
fn a_lean_frame_leaves_out_what_is_inherited() {
    let lean = Outbound {
        lean: true,
        ..Outbound::json(1 << 20)
    };
    let Encoded::Text(text) = encode(outgoing(partial("x")), &lean).unwrap() else {
        panic!("JSON is text")
    };
    assert_eq!(
        text,
        r#"{"v":1,"session_id":"s","stream_id":"t","msg_seq":3,"payload":{"type":"agent.result.partial","confidence":0.5,"content":{"text":"x"}}}"#
    );
}

#[test]
fn keep_alives_are_not_compressed_and_giants_not_sent() {
    let mut heartbeat = outgoing(partial(&"x".repeat(5_000)));
    heartbeat.flags.insert(Flag::Heartbeat);
    let out = Outbound {
        compression: Some(Algorithm::Zstd),
        ..Outbound::json(1 << 20)
    };
    assert!(matches!(encode(heartbeat.clone(), &out), Ok(Encoded::Text(_))));
    let small = Outbound::json(1_000);
    assert_eq!(encode(heartbeat, &small).unwrap_err().code, Code::TooBig);
}

#[test]
fn metadata_survives_the_way_to_an_agent() {
    let meta = r#"{"task_type":"qa","languages":["de"],"risk":"low","data_scope":["eu"],"trace":{"traceparent":"00-a-b-01"},
        "tool_permissions":["fs.read"],"environment_id":"e","security_groups":["g"],"idempotency_key":"k","deadline_ms":5,
        "personas":[{"persona_id":"a","count":2,"qos":"gold","weight":0.5}],"expose_lanes":true,"reconciliation":"merge","x":[1]}"#;
    let text = open_with(&[("meta", meta)]);
    let meta = baseline(&text).unwrap().frame.meta.unwrap();
    assert_eq!(meta.deadline_ms(), Some(5));
    let task = meta.task();
    let back = Meta::from_task(&task, 5);
    assert_eq!(back.task(), task);
    assert_eq!(back.deadline_ms(), Some(5));
    assert_eq!(task.personas[0].count, 2);
    assert_eq!(task.other, [("x".to_owned(), serde_json::json!([1]))]);
}

/// Frames as other implementations might send them: mostly right.
fn frame_text() -> impl Strategy<Value = String> {
    let member = prop_oneof![
        Just("\"v\":1"),
        Just("\"session_id\":\"s\""),
        Just("\"stream_id\":\"t\""),
        Just("\"stream_id\":\"-\""),
        Just("\"msg_seq\":1"),
        Just("\"flags\":[\"SYN\",\"x\"]"),
        Just("\"qos\":\"gold\""),
        Just("\"ttl\":8"),
        Just("\"window\":{\"max_parallel\":1,\"max_tokens\":2,\"max_usd_micros\":3}"),
        Just("\"meta\":{}"),
        Just("\"payload\":{\"type\":\"control\",\"op\":\"END\",\"stats\":{}}"),
        Just("\"payload\":{\"type\":\"agent.request\",\"content\":null}"),
        Just("\"sig\":\"00\""),
        Just("\"type\":\"x\""),
        Just("\"sessionId\":\"s\""),
        Just("\"msgSeq\":1"),
        Just("\"x\":{\"y\":[1.5,null]}"),
        Just("\"checksum\":1"),
    ];
    prop::collection::vec(member, 0..14).prop_map(|members| format!("{{{}}}", members.join(",")))
}

proptest! {
    #[test]
    fn no_message_makes_the_way_in_panic(
        text in prop_oneof![any::<String>(), frame_text()],
        bytes in prop::collection::vec(any::<u8>(), 0..100),
        magic in prop::sample::select(vec!["", "ATPC", "ATPZ\x01", "ATPZ\x02"]),
    ) {
        let secret = secret();
        let policy = Policy {
            accepts_cbor: true,
            accepts_compressed: true,
            keys: Keys { ring: None, default: Some(&secret) },
            dialect: dialect::Mode::Detect(dialect::Endpoint::default()),
            ..Policy::baseline(&Limits::DEFAULT)
        };
        let _ = receive(&text, &policy);
        let message = [magic.as_bytes(), &bytes].concat();
        let _ = ingress(NOW, Incoming::Binary(&message), &policy, &mut |_| Ok(()));
    }

    #[test]
    fn a_frame_that_was_accepted_is_accepted_again_unchanged(text in frame_text()) {
        if let Ok(received) = baseline(&text) {
            let first = received.frame.into_owned();
            let Ok(Encoded::Text(again)) = encode(first.clone(), &Outbound::json(1 << 20)) else {
                panic!("an accepted frame encodes")
            };
            let second = baseline(&again).unwrap().frame;
            prop_assert_eq!(second.into_object(false), first.into_object(false));
        }
    }
}
