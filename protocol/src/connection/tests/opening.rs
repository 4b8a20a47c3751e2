//! What opens a stream, and what does not (atp.md 9.2).

use super::fixture::{self, connected, errors, key, meta, partial, payload, syn, syn_less, window};
use crate::connection::{Event, Output};
use crate::error::{Code, Fault};
use crate::frame::{Flag, Flags, Frame};
use crate::payload::Kind;
use crate::units::Millis;

#[test]
fn a_client_without_hello_is_understood() {
    let mut router = fixture::router();
    let mut frame = syn("a", 7, "hi");
    frame.flags.remove(Flag::Syn);
    let out = router.receive(Millis(0), frame.clone());
    assert!(
        matches!(&out[0], Output::Deliver(Event::Open { .. })),
        "SYN is implied: {out:?}"
    );
    let out = router.send(Millis(0), &key("a"), partial("x"), false).unwrap();
    let [Output::Transmit(sent)] = &out[..] else {
        panic!("{out:?}")
    };
    assert!(sent.flags.has(Flag::More), "the result goes on");
    let out = router
        .send(Millis(0), &key("a"), payload(Kind::AgentFinal, "y"), true)
        .unwrap();
    let [Output::Transmit(sent)] = &out[..] else {
        panic!("{out:?}")
    };
    assert_eq!(
        (sent.payload.in_reply_to, sent.flags.has(Flag::Fin)),
        (Some(7), true)
    );
    frame.msg_seq = 3;
    let out = router.receive(Millis(1), frame);
    assert!(
        matches!(&out[0], Output::Deliver(Event::Open { .. })),
        "the next request on the finished stream opens it again: {out:?}"
    );
}

#[test]
fn a_repeated_syn_gets_the_stored_answer_and_another_request_does_not() {
    let mut router = fixture::router();
    router.receive(Millis(0), syn("a", 1, "hi"));
    router.accept(Millis(0), &key("a"), window(), None);
    let is_syn_ack = |output: &Output| matches!(output, Output::Transmit(frame) if frame.flags.has(Flag::Syn) && frame.flags.has(Flag::Ack));
    for msg_seq in [1, 2] {
        let out = router.receive(Millis(0), syn("a", msg_seq, "hi"));
        assert_eq!(
            out.iter().filter(|output| is_syn_ack(output)).count(),
            1,
            "{msg_seq}: {out:?}"
        );
        assert!(!out.iter().any(|output| matches!(output, Output::Deliver(_))));
    }
    let out = router.receive(Millis(0), syn("a", 2, "something else"));
    assert_eq!(errors(&out), [("EPROTO".to_owned(), false)]);
}

#[test]
fn frames_of_unknown_streams_are_reset_and_of_ended_ones_dropped() {
    let mut wire = connected(&[]);
    let stray = |kind| {
        let key = key("a");
        Frame::new(key.session, key.stream, 1, payload(kind, "x"))
    };
    let out = wire.router.receive(wire.now, stray(Kind::AgentPartial));
    assert_eq!(errors(&out), [("EPROTO".to_owned(), true)]);
    for kind in [Kind::Ack, Kind::Error] {
        assert!(wire.router.receive(wire.now, stray(kind)).is_empty());
    }
    wire.router.receive(wire.now, syn("a", 1, "hi"));
    wire.router
        .fail(wire.now, &key("a"), &Fault::new(Code::Cancel, ""));
    assert!(
        wire.router
            .receive(wire.now, stray(Kind::AgentPartial))
            .is_empty()
    );
    let out = wire.router.receive(wire.now, syn("a", 2, "hi"));
    assert_eq!(errors(&out), [("EPROTO".to_owned(), true)]);
}

#[test]
fn an_ended_stream_opens_again_only_under_its_idempotency_key() {
    let mut router = connected(&[]).router;
    let keyed = |value| Frame {
        meta: Some(meta(&[("idempotency_key", value)])),
        ..syn("a", 1, "hi")
    };
    router.receive(Millis(0), keyed("k"));
    router.fail(Millis(0), &key("a"), &Fault::new(Code::Cancel, ""));
    assert_eq!(errors(&router.receive(Millis(0), keyed("other"))).len(), 1);
    let out = router.receive(Millis(0), keyed("k"));
    assert!(matches!(&out[0], Output::Deliver(Event::Open { .. })));
}

#[test]
fn open_streams_are_bounded_per_session_and_connection() {
    let mut wire = connected(&[]);
    for at in 0..256 {
        wire.router.receive(wire.now, syn(&format!("s{at}"), 1, "hi"));
    }
    let out = wire.router.receive(wire.now, syn("one-more", 1, "hi"));
    assert_eq!(errors(&out), [("EWINDOW".to_owned(), true)]);
    let mut other = syn("one-more", 1, "hi");
    other.session_id = crate::ids::SessionId::new("another").unwrap();
    assert!(errors(&wire.router.receive(wire.now, other)).is_empty());
}

#[test]
fn work_on_the_control_stream_is_refused_unless_the_dialect_names_none() {
    let unnamed = |flags: &[Flag]| {
        let mut frame = syn("-", 1, "hi");
        frame.flags = Flags::of(flags);
        frame
    };
    for flags in [&[][..], &[Flag::Syn]] {
        let mut router = fixture::router();
        let out = router.receive(Millis(0), unnamed(flags));
        assert_eq!(errors(&out), [("EPROTO".to_owned(), false)], "{flags:?}");
        assert_eq!(router.streams().count(), 0);
    }
    let mut router = fixture::router();
    router.take_unnamed_work();
    let out = router.receive(Millis(0), unnamed(&[]));
    assert!(matches!(&out[0], Output::Deliver(Event::Open { .. })), "{out:?}");
}

#[test]
fn only_an_opening_is_implied_where_syn_is_missing() {
    for (flag, refused) in [
        (Flag::Ack, &[("EPROTO".to_owned(), true)][..]),
        (Flag::Resume, &[("EPROTO".to_owned(), true)]),
        (Flag::Rst, &[]),
    ] {
        let mut router = fixture::router();
        let mut frame = syn_less("a", 1, "hi");
        frame.flags.insert(flag);
        assert_eq!(errors(&router.receive(Millis(0), frame)), refused, "{flag:?}");
        assert_eq!(router.streams().count(), 0, "{flag:?}");
    }
}
