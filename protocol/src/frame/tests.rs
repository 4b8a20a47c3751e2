use proptest::prelude::*;

use super::*;
use crate::container::compressed::{Algorithm, deflate};
use crate::dialect;
use crate::error::{Code, Fault, Scope};
use crate::hello::Role;
use crate::ids::{KeyId, SessionId, StreamId};
use crate::limits::Limits;
use crate::payload::{Kind, Partial, Payload};
use crate::sign::{KeyRing, Keys, Secret, Strength, checksum, signature};
use crate::units::{Tier, UnixMillis, Window};
use crate::value::{Object, Value, cbor, json};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

const OPEN: &str = r#"{"v":1,"session_id":"s","stream_id":"t","msg_seq":1,"flags":["SYN"],"qos":"gold","ttl":8,
    "window":{"max_parallel":4,"max_tokens":80000,"max_usd_micros":500000},"meta":{"task_type":"qa"},
    "payload":{"type":"completion","content":{"prompt":"hi"}},"x_vendor":[1]}"#;

fn secret() -> Secret {
    Secret::new(&[5; 32], Strength::Production).unwrap()
}

/// `OPEN` with members set; `null` takes one out.
fn open_with(members: &[(&str, &str)]) -> String {
    let mut tree = json::parse(OPEN, &Limits::DEFAULT).unwrap().into_owned();
    let object = tree.as_object_mut().unwrap();
    for (name, text) in members {
        object.remove(name);
        if *text != "null" {
            object.set(
                (*name).to_owned(),
                json::parse(text, &Limits::DEFAULT).unwrap().into_owned(),
            );
        }
    }
    json::text(&tree).unwrap()
}

fn receive<'m>(text: &'m str, policy: &Policy<'_>) -> Result<Received<'m>, Fault> {
    ingress(NOW, Incoming::Text(text), policy, &mut |_| Ok(()))
}

fn baseline(text: &str) -> Result<Received<'_>, Fault> {
    receive(text, &Policy::baseline(&Limits::DEFAULT))
}

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

fn signed(members: &[(&str, &str)]) -> String {
    let mut tree = json::parse(OPEN, &Limits::DEFAULT).unwrap().into_owned();
    let object = tree.as_object_mut().unwrap();
    for (name, value) in members {
        object.set(
            (*name).to_owned(),
            json::parse(value, &Limits::DEFAULT).unwrap().into_owned(),
        );
    }
    let sig = signature::of(object, &secret()).unwrap();
    object.set("sig", sig);
    json::text(&tree).unwrap()
}

#[test]
fn signatures_are_judged_after_structure_and_before_nonces() {
    let secret = secret();
    let policy = Policy {
        required: Required {
            sig: true,
            nonce: true,
            ..Required::default()
        },
        keys: Keys {
            ring: None,
            default: Some(&secret),
        },
        ..Policy::baseline(&Limits::DEFAULT)
    };
    let stamps = [("nonce", "\"n-12345678\""), ("ts", "1800000000")];
    let good = signed(&stamps);
    let mut seen = Vec::new();
    let received = ingress(NOW, Incoming::Text(&good), &policy, &mut |nonce| {
        seen.push((nonce.nonce.to_owned(), nonce.ts, nonce.kid.map(str::to_owned)));
        Ok(())
    });
    assert!(received.unwrap().is_signed);
    assert_eq!(
        seen,
        [("n-12345678".to_owned(), Some(NOW), None)],
        "seconds became milliseconds"
    );

    let mut never =
        |_: Nonce<'_>| -> Result<(), Fault> { panic!("an unproven nonce must not reach the store") };
    let mut judge = |text: &str| {
        ingress(NOW, Incoming::Text(text), &policy, &mut never)
            .unwrap_err()
            .code
    };
    assert_eq!(judge(&good.replace("\"hi\"", "\"ho\"")), Code::Auth);
    assert_eq!(
        judge(&good.replace("\"gold\"", "\"Gold\"")),
        Code::Proto,
        "structure first"
    );
    assert_eq!(judge(OPEN), Code::Auth);
    assert_eq!(judge(&OPEN.replacen('{', "{\"sig\":7,", 1)), Code::Auth);
    assert_eq!(judge(&signed(&[("kid", "\"nobody\"")])), Code::Auth);
    assert_eq!(
        judge(&signed(&[("nonce", "\"n-12345678\"")])),
        Code::Auth,
        "nonce and ts go together"
    );

    let replayed = |_: Nonce<'_>| Err(Fault::new(Code::Replay, "seen before").scoped(Scope::Frame));
    let fault = ingress(NOW, Incoming::Text(&good), &policy, &mut { replayed }).unwrap_err();
    assert_eq!(fault.code, Code::Replay);
}

#[test]
fn a_wrong_signature_fails_even_where_none_is_required() {
    let secret = secret();
    let keys = Keys {
        ring: None,
        default: Some(&secret),
    };
    let policy = Policy {
        keys,
        ..Policy::baseline(&Limits::DEFAULT)
    };
    assert!(receive(&signed(&[]), &policy).unwrap().is_signed);
    let forged = signed(&[]).replace("\"hi\"", "\"ho\"");
    assert_eq!(receive(&forged, &policy).unwrap_err().code, Code::Auth);
    assert!(
        !baseline(&forged).unwrap().is_signed,
        "without a key nothing can be said"
    );
}

#[test]
fn checksums_are_judged_wherever_they_are() {
    let mut tree = json::parse(OPEN, &Limits::DEFAULT).unwrap().into_owned();
    let checksum = checksum::of(tree.as_object().unwrap()).unwrap();
    tree.as_object_mut().unwrap().set("checksum", checksum);
    let good = json::text(&tree).unwrap();
    let policy = Policy {
        required: Required {
            checksum: true,
            ..Required::default()
        },
        ..Policy::baseline(&Limits::DEFAULT)
    };
    assert!(receive(&good, &policy).is_ok());
    assert_eq!(
        baseline(&good.replace("\"hi\"", "\"ho\"")).unwrap_err().code,
        Code::Proto
    );
    assert_eq!(
        receive(OPEN, &policy).unwrap_err().code,
        Code::Auth,
        "a required item is missing"
    );
}

#[test]
fn binary_messages_need_an_agreement() {
    let tree = json::parse(OPEN, &Limits::DEFAULT).unwrap();
    let bytes = cbor::encode(&tree);
    let before = Policy::baseline(&Limits::DEFAULT);
    let after = Policy {
        accepts_cbor: true,
        ..before
    };
    let judge = |bytes: &[u8], policy: &Policy<'_>| {
        ingress(NOW, Incoming::Binary(bytes), policy, &mut |_| Ok(())).map(|received| received.is_cbor)
    };
    assert_eq!(judge(&bytes, &before).unwrap_err().code, Code::Unsupported);
    assert_eq!(judge(&bytes, &after), Ok(true));
    assert_eq!(judge(b"\x01", &after).unwrap_err().scope, Scope::Connection);
    let packed = deflate(OPEN.as_bytes(), Algorithm::Zstd);
    assert_eq!(judge(&packed, &after).unwrap_err().code, Code::Unsupported);
    let both = Policy {
        accepts_compressed: true,
        ..after
    };
    assert_eq!(judge(&packed, &both), Ok(false));
    assert_eq!(judge(&deflate(&bytes, Algorithm::Deflate), &both), Ok(true));
    assert_eq!(
        judge(&deflate(&packed, Algorithm::Zstd), &both).unwrap_err().code,
        Code::Proto
    );
    assert_eq!(
        judge(&deflate(b"\xff", Algorithm::Zstd), &both).unwrap_err().code,
        Code::Proto
    );
}

#[test]
fn byte_strings_stand_in_the_content_only() {
    let policy = Policy {
        accepts_cbor: true,
        ..Policy::baseline(&Limits::DEFAULT)
    };
    let with = |change: &dyn Fn(&mut Object<'static>)| {
        let mut tree = json::parse(OPEN, &Limits::DEFAULT).unwrap().into_owned();
        change(tree.as_object_mut().unwrap());
        ingress(NOW, Incoming::Binary(&cbor::encode(&tree)), &policy, &mut |_| {
            Ok(())
        })
        .map(|_| ())
    };
    let bytes = || Value::Bytes(vec![1].into());
    let within = |name: &'static str, member: &'static str| {
        move |frame: &mut Object<'static>| {
            frame
                .get_mut(name)
                .and_then(Value::as_object_mut)
                .unwrap()
                .set(member, Value::Bytes(vec![1].into()));
        }
    };
    assert_eq!(with(&within("payload", "content")), Ok(()));
    assert_eq!(with(&within("payload", "extra")).unwrap_err().code, Code::Proto);
    assert_eq!(with(&within("meta", "extra")).unwrap_err().code, Code::Proto);
    assert_eq!(
        with(&|frame| frame.set("extra", bytes())).unwrap_err().code,
        Code::Proto
    );
    let signed = with(&|frame| {
        within("payload", "content")(frame);
        frame.set("checksum", "0".repeat(64));
    });
    assert_eq!(
        signed.unwrap_err().code,
        Code::Proto,
        "the canonical form has no bytes"
    );
}

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
