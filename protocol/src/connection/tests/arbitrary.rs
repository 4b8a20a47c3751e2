//! Whatever a peer sends, in whatever order: no panic, and every bound holds.

use proptest::prelude::*;

use super::fixture::{connected, key, meta, payload, router, window};
use crate::connection::{Connection, Footprint, Output};
use crate::error::Fault;
use crate::frame::{Flag, Frame};
use crate::ids::{CloneId, PersonaId};
use crate::payload::{Kind, Payload};
use crate::units::{Millis, Tier};
use crate::value::{Object, Value};

/// One thing that happens to a router's connection.
#[derive(Debug, Clone)]
enum Step {
    Frame {
        kind: usize,
        flags: u16,
        stream: u8,
        clone: u8,
        msg_seq: u64,
        frag_seq: u32,
        content: u8,
    },
    Accept(u8),
    Send(u8, usize, bool),
    Fail(u8, usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let frame = (
        0..Kind::ALL.len(),
        any::<u16>(),
        0_u8..3,
        0_u8..3,
        prop_oneof![0_u64..6, any::<u64>()],
        prop_oneof![0_u32..4, 4_090_u32..5_000],
        0_u8..8,
    );
    prop_oneof![
        8 => frame.prop_map(|(kind, flags, stream, clone, msg_seq, frag_seq, content)| Step::Frame {
            kind,
            flags,
            stream,
            clone,
            msg_seq,
            frag_seq,
            content,
        }),
        1 => (0_u8..3).prop_map(Step::Accept),
        2 => (0_u8..3, 0..Kind::ALL.len(), any::<bool>()).prop_map(|(stream, kind, fin)| Step::Send(stream, kind, fin)),
        1 => (0_u8..3, 0..crate::error::Code::ALL.len()).prop_map(|(stream, code)| Step::Fail(stream, code)),
        2 => (0_u64..3_000).prop_map(Step::Wait),
    ]
}

fn name(stream: u8) -> &'static str {
    ["-", "a", "b"][usize::from(stream)]
}

fn content(choice: u8, msg_seq: u64) -> Value<'static> {
    let object = |members: Vec<(&'static str, Value<'static>)>| {
        Value::Object(members.into_iter().collect::<Object<'_>>())
    };
    match choice {
        0 => Value::Null,
        1 => object(vec![("text", "piece".into())]),
        2 => object(vec![("enc", "json".into()), ("b64", "e30=".into())]),
        3 => object(vec![("enc", "bytes".into()), ("b64", "not base64".into())]),
        4 => object(vec![
            ("msg_seq", msg_seq.into()),
            ("completed", true.into()),
            ("cum", msg_seq.into()),
        ]),
        5 => object(vec![
            ("code", "ESEQ_RETRY".into()),
            ("retryable", msg_seq.is_multiple_of(2).into()),
            ("msg_seq", msg_seq.into()),
            ("missing", vec![0_u32, 0, 1, 77].into()),
        ]),
        6 => object(vec![
            ("resume_token", "t".into()),
            ("expect", msg_seq.into()),
            ("ok", true.into()),
            ("replaying", 0_u32.into()),
        ]),
        _ => Value::Array(vec![1_u32.into()]),
    }
}

fn take(connection: &mut Connection, now: Millis, step: &Step) -> Vec<Output> {
    match *step {
        Step::Frame {
            kind,
            flags,
            stream,
            clone,
            msg_seq,
            frag_seq,
            content: choice,
        } => {
            let mut payload = Payload::new(Kind::ALL[kind], content(choice, msg_seq));
            if clone > 0 {
                payload.persona_id = PersonaId::new("p").ok();
                payload.clone_id = Some(CloneId(clone.into()));
            }
            let key = key(name(stream));
            let mut frame = Frame::new(
                key.session,
                key.stream,
                msg_seq.min(crate::limits::MSG_SEQ_MAX),
                payload,
            );
            frame.frag_seq = frag_seq;
            for (at, flag) in Flag::ALL.iter().enumerate() {
                // Two bits of three unset, so that ordinary frames come often enough.
                if flags >> at & 1 == 1 && flags >> ((at + 3) % 16) & 1 == 1 {
                    frame.flags.insert(*flag);
                }
            }
            frame.qos = Some(Tier::Silver);
            frame.ttl = Some(8);
            frame.window = Some(window());
            frame.meta = Some(meta(&[]));
            connection.receive(now, frame)
        }
        Step::Accept(stream) => {
            connection.accept(now, &key(name(stream)), window(), Some(("t".to_owned(), 1)))
        }
        Step::Send(stream, kind, fin) => {
            let payload = payload(Kind::ALL[kind], "x");
            connection
                .send(now, &key(name(stream)), payload, fin)
                .unwrap_or_default()
        }
        Step::Fail(stream, code) => connection.fail(
            now,
            &key(name(stream)),
            &Fault::new(crate::error::Code::ALL[code], ""),
        ),
        Step::Wait(_) => connection.tick(now, -0.5),
    }
}

proptest! {
    #[test]
    fn nothing_a_peer_does_breaks_the_machine(is_legacy in any::<bool>(), steps in proptest::collection::vec(step(), 1..120)) {
        let mut wire = connected(&["nack", "resume", "checksum"]);
        let mut legacy = router();
        let connection = if is_legacy { &mut legacy } else { &mut *wire.router };
        let mut now = Millis(0);
        let mut is_closed = false;
        for step in &steps {
            if let Step::Wait(ms) = step {
                now = now.plus(*ms);
                connection.heard(now);
            }
            let out = take(connection, now, step);
            prop_assert!(!is_closed || !out.iter().any(|output| matches!(output, Output::Close(_))), "closed once");
            is_closed |= out.iter().any(|output| matches!(output, Output::Close(_)));
            prop_assert!(connection.streams().count() <= 3);
            prop_assert!(connection.streams().all(|stream| stream.state().is_open()));
            let held = connection
                .streams()
                .fold(Footprint::default(), |sum, stream| sum.plus(stream.footprint()));
            prop_assert_eq!(connection.footprint(), held);
        }
        connection.tick(now, 0.0);
        prop_assert!(connection.next_deadline().is_none_or(|due| due > now), "what is due is worked off");
    }
}
