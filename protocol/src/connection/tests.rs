//! Two connections against one another, and one against hand-made frames.

mod arbitrary;
mod fixture;
mod lossy;
mod tally;

use fixture::{Side, Wire, connected, key, meta, partial, payload, request, window};

use super::*;
use crate::error::{Code, ControlError, Fault, Scope};
use crate::frame::{Flag, Frame};
use crate::payload::Kind;
use crate::stream::State;
use crate::units::{Millis, Tier};

/// What errors a side sent, by wire code, and whether with RST.
fn errors(out: &[Output]) -> Vec<(String, bool)> {
    let errors = out.iter().filter_map(|output| match output {
        Output::Transmit(frame) if frame.payload.kind == Some(Kind::Error) => {
            let error: ControlError = frame.payload.content.as_ref()?.read().ok()?;
            Some((error.code.into_owned(), frame.flags.has(Flag::Rst)))
        }
        _ => None,
    });
    errors.collect()
}

fn close_code(out: &[Output]) -> Option<u16> {
    out.iter().find_map(|output| match output {
        Output::Close(close) => Some(close.code),
        _ => None,
    })
}

fn syn(stream: &str, msg_seq: u64, text: &str) -> Frame<'static> {
    let key = key(stream);
    let mut frame = Frame::new(key.session, key.stream, msg_seq, request(text));
    frame.flags.insert(Flag::Syn);
    frame.qos = Some(Tier::Silver);
    frame.ttl = Some(8);
    frame.window = Some(window());
    frame.meta = Some(meta(&[]));
    frame
}

#[test]
fn a_request_is_answered_and_both_sides_close() {
    let mut wire = connected(&["nack"]);
    let out = wire
        .client
        .open(
            wire.now,
            key("a"),
            (Tier::Gold, window()),
            meta(&[]),
            request("hi"),
        )
        .unwrap();
    wire.pass(Side::Client, out);
    assert_eq!(wire.router.texts(), ["open hi"]);
    let out = wire.router.accept(wire.now, &key("a"), window(), None);
    wire.pass(Side::Router, out);
    for (payload, is_last) in [(partial("one"), false), (payload(Kind::AgentFinal, "two"), true)] {
        let out = wire.router.send(wire.now, &key("a"), payload, is_last).unwrap();
        wire.pass(Side::Router, out);
    }
    assert_eq!(
        wire.client.texts(),
        ["control ", "one", "two", "finished", "closed"]
    );
    assert_eq!(
        wire.router.texts(),
        ["open hi", "finished", "closed"],
        "the client's FIN follows by itself"
    );
    assert_eq!(
        (wire.client.streams().count(), wire.router.streams().count()),
        (0, 0)
    );
    assert_eq!(
        wire.client
            .send(wire.now, &key("a"), request("late"), false)
            .unwrap_err()
            .code,
        Code::NotFound
    );
}

#[test]
fn a_refused_stream_is_reset() {
    let mut wire = connected(&[]);
    let out = wire
        .client
        .open(
            wire.now,
            key("a"),
            (Tier::Gold, window()),
            meta(&[]),
            request("hi"),
        )
        .unwrap();
    wire.pass(Side::Client, out);
    let out = wire
        .router
        .fail(wire.now, &key("a"), &Fault::new(Code::NoRoute, "nobody"));
    assert_eq!(errors(&out), [("ENOROUTE".to_owned(), true)]);
    wire.pass(Side::Router, out);
    assert_eq!(wire.client.texts(), ["reset ENOROUTE"]);
    assert_eq!(
        (wire.client.streams().count(), wire.router.streams().count()),
        (0, 0)
    );
}

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
fn malformed_messages_and_bad_signatures_end_the_connection() {
    let parse = Fault::new(Code::Proto, "not JSON").scoped(Scope::Connection);
    let structure = Fault::new(Code::Proto, "qos: required").scoped(Scope::Frame);
    let mut router = fixture::router();
    for at in 0..9 {
        assert_eq!(close_code(&router.reject(Millis(at), &structure)), None);
    }
    assert_eq!(close_code(&router.reject(Millis(0), &parse)), None);
    assert_eq!(close_code(&router.reject(Millis(1), &parse)), None);
    assert_eq!(close_code(&router.reject(Millis(2), &parse)), Some(1002));
    assert!(
        router.reject(Millis(3), &parse).is_empty(),
        "nothing follows the close"
    );

    let mut router = fixture::router();
    let signature = Fault::new(Code::Auth, "").scoped(Scope::Frame);
    let codes: Vec<_> = (0..5)
        .map(|at| close_code(&router.reject(Millis(at), &signature)))
        .collect();
    assert_eq!(codes, [None, None, None, None, Some(4401)]);

    let big = Fault::new(Code::TooBig, "").scoped(Scope::Connection);
    assert_eq!(close_code(&fixture::router().reject(Millis(0), &big)), Some(1009));
}

#[test]
fn a_second_hello_is_refused_and_a_bad_one_closes() {
    let wire = connected(&[]);
    let mut router = wire.router;
    let hello = Frame::new(key("-").session, key("-").stream, 0, fixture::hello_payload(&[]));
    assert_eq!(
        errors(&router.receive(Millis(0), hello)),
        [("EPROTO".to_owned(), false)]
    );
    let mut fresh = fixture::router();
    let empty = Frame::new(key("-").session, key("-").stream, 0, payload(Kind::Hello, ""));
    assert_eq!(close_code(&fresh.receive(Millis(0), empty)), Some(1002));
}

#[test]
fn a_draining_node_takes_no_new_stream_and_leaves_when_idle() {
    let mut wire = connected(&[]);
    wire.router.receive(wire.now, syn("a", 1, "hi"));
    assert_eq!(close_code(&wire.router.drain(wire.now)), None);
    let out = wire.router.receive(wire.now, syn("b", 1, "hi"));
    assert_eq!(errors(&out), [("EDRAINING".to_owned(), true)]);
    let late = wire.now.plus(30_000);
    wire.router.heard(late);
    assert_eq!(close_code(&wire.router.tick(late, 0.0)), Some(1001));
    let mut idle = connected(&[]);
    assert_eq!(close_code(&idle.router.drain(idle.now)), Some(1001));
}

#[test]
fn heartbeats_are_answered_and_silence_is_death() {
    let mut wire = connected(&[]);
    let beat = wire.now.plus(5_000);
    let out = wire.client.tick(beat, 0.0);
    let [Output::Transmit(frame)] = &out[..] else {
        panic!("{out:?}")
    };
    assert!(frame.flags.has(Flag::Heartbeat) && frame.stream_id.is_control());
    let answer = wire.router.receive(beat, Frame::clone(frame));
    let [Output::Transmit(frame)] = &answer[..] else {
        panic!("{answer:?}")
    };
    assert!(frame.flags.has(Flag::Heartbeat) && frame.flags.has(Flag::Ack));
    assert!(wire.client.receive(beat, Frame::clone(frame)).is_empty());
    let dead = beat.plus(15_000);
    assert_eq!(close_code(&wire.router.tick(Millis(dead.0 - 1), 0.0)), None);
    let out = wire.router.tick(dead, 0.0);
    assert!(
        matches!(&out[..], [Output::Deliver(Event::PeerDead), Output::Close(_)]),
        "{out:?}"
    );
    assert_eq!(wire.router.next_deadline(), None);
}

#[test]
fn a_connection_without_streams_is_closed_unless_it_waits_for_work() {
    let idle_after = |connection: &mut Connection| {
        let mut now = 0;
        while now < 200_000 {
            now = connection.next_deadline().map_or(u64::MAX, |due| due.0);
            connection.heard(Millis(now));
            if let Some(code) = close_code(&connection.tick(Millis(now), 0.0)) {
                return Some((now, code));
            }
        }
        None
    };
    assert_eq!(idle_after(&mut fixture::router()), Some((90_000, 1000)));
    assert_eq!(idle_after(&mut connected(&[]).router), Some((30_000, 4408)));
    let waiting = Config {
        closes_idle: false,
        ..fixture::config()
    };
    assert_eq!(idle_after(&mut Connection::new(Millis(0), waiting)), None);
}

#[test]
fn an_idle_stream_is_finished_but_not_while_an_answer_is_due() {
    let waiting = Config {
        closes_idle: false,
        ..fixture::config()
    };
    let mut wire = fixture::connected_with(&[], waiting);
    let out = wire
        .client
        .open(
            wire.now,
            key("a"),
            (Tier::Gold, window()),
            meta(&[]),
            request("hi"),
        )
        .unwrap();
    wire.pass(Side::Client, out);
    wire.run(Millis(60_000));
    assert_eq!(
        wire.client.streams().next().map(crate::stream::Stream::state),
        Some(State::Open)
    );
    let out = wire
        .router
        .send(wire.now, &key("a"), payload(Kind::AgentFinal, "done"), false)
        .unwrap();
    wire.pass(Side::Router, out);
    wire.run(Millis(130_000));
    assert_eq!(
        (wire.client.streams().count(), wire.router.streams().count()),
        (0, 0)
    );
}

#[test]
fn a_full_buffer_stops_the_sender_until_acknowledged() {
    let mut wire = connected(&[]);
    let out = wire
        .client
        .open(
            wire.now,
            key("a"),
            (Tier::Gold, window()),
            meta(&[]),
            request("hi"),
        )
        .unwrap();
    wire.pass(Side::Client, out);
    let big = "x".repeat(2 * 1024 * 1024);
    let mut held = Vec::new();
    for _ in 0..2 {
        held.extend(
            wire.router
                .send(wire.now, &key("a"), partial(&big), false)
                .unwrap(),
        );
    }
    assert!(
        held.iter()
            .any(|output| matches!(output, Output::Deliver(Event::Full(_))))
    );
    let refused = wire
        .router
        .send(wire.now, &key("a"), partial("more"), false)
        .unwrap_err();
    assert_eq!(refused.code, Code::Window);
    wire.pass(Side::Router, held);
    assert_eq!(wire.router.texts().last().map(String::as_str), Some("credit"));
}

#[test]
fn a_stream_survives_its_connection() {
    let mut wire = connected(&["resume"]);
    let out = wire
        .client
        .open(
            wire.now,
            key("a"),
            (Tier::Gold, window()),
            meta(&[]),
            request("hi"),
        )
        .unwrap();
    wire.pass(Side::Client, out);
    let out = wire
        .router
        .accept(wire.now, &key("a"), window(), Some(("token".to_owned(), 300_000)));
    wire.pass(Side::Router, out);
    let lost = wire
        .router
        .send(wire.now, &key("a"), partial("one"), false)
        .unwrap();
    drop(lost);
    let Wire {
        client, router, now, ..
    } = wire;
    let (mut ours, _) = router.detach();
    let (theirs, _) = client.detach();
    assert_eq!(ours[0].state(), State::Suspended);
    ours[0].send(now, payload(Kind::AgentFinal, "two"), true).unwrap();

    let mut wire = connected(&["resume"]);
    let out = wire
        .client
        .resume(now, theirs.into_iter().next().unwrap(), "token".to_owned());
    let mut asked = Vec::new();
    for output in out {
        if let Output::Transmit(frame) = output {
            asked.extend(wire.router.receive(now, Frame::clone(&frame)));
        }
    }
    let [Output::Deliver(Event::Resume { request, .. })] = &asked[..] else {
        panic!("{asked:?}")
    };
    assert_eq!(request.resume_token, "token");
    let out = wire
        .router
        .attach(now, ours.remove(0), request, window(), "next".to_owned());
    wire.pass(Side::Router, out);
    assert_eq!(
        wire.client.texts(),
        ["resumed 2", "one", "two", "finished", "closed"]
    );
    assert_eq!(wire.router.streams().count(), 0);
}

#[test]
fn messages_that_wait_for_an_earlier_one_are_bounded() {
    let small = Config {
        limits: crate::limits::Limits {
            reassembly_bytes: 2_000,
            ..crate::limits::Limits::DEFAULT
        },
        ..fixture::config()
    };
    let mut wire = fixture::connected_with(&["nack"], small);
    wire.router.receive(wire.now, syn("a", 1, "hi"));
    let ahead = |msg_seq| {
        let key = key("a");
        Frame::new(key.session, key.stream, msg_seq, request(&"x".repeat(600)))
    };
    assert!(errors(&wire.router.receive(wire.now, ahead(3))).is_empty());
    assert!(errors(&wire.router.receive(wire.now, ahead(4))).is_empty());
    assert_eq!(
        errors(&wire.router.receive(wire.now, ahead(5))),
        [("EWINDOW".to_owned(), false)]
    );
    let too_far = wire.router.receive(wire.now, ahead(2 + 257));
    assert_eq!(errors(&too_far), [("EWINDOW".to_owned(), false)]);
    let out = wire.router.receive(wire.now, ahead(2));
    let delivered = out
        .iter()
        .filter(|output| matches!(output, Output::Deliver(Event::Message { .. })));
    assert_eq!(delivered.count(), 3, "the gap is closed: {out:?}");
}

#[test]
fn pieces_of_a_partial_are_delivered_as_they_come() {
    let mut wire = connected(&["nack"]);
    let out = wire
        .client
        .open(
            wire.now,
            key("a"),
            (Tier::Bronze, window()),
            meta(&[]),
            request("hi"),
        )
        .unwrap();
    wire.pass(Side::Client, out);
    wire.client.events();
    let text = "abcdefgh".repeat(3 * 1024);
    for kind in [Kind::AgentPartial, Kind::AgentFinal] {
        let out = wire
            .router
            .send(wire.now, &key("a"), payload(kind, &text), false)
            .unwrap();
        let mut lengths = Vec::new();
        for output in out {
            wire.pass(Side::Router, vec![output]);
            lengths.push(wire.client.texts().iter().map(String::len).sum::<usize>());
            wire.client.events();
        }
        match kind {
            Kind::AgentPartial => assert_eq!(lengths, [8_192, 8_192, 8_192]),
            _ => assert_eq!(lengths, [0, 0, 24_576], "a final is whole or nothing"),
        }
    }
}

#[test]
fn a_lost_message_that_nobody_can_send_again_fails_its_lane() {
    let mut wire = connected(&[]);
    wire.router.receive(wire.now, syn("a", 1, "hi"));
    let late = Frame::new(key("a").session, key("a").stream, 3, request("late"));
    wire.router.receive(wire.now, late);
    let due = wire.now.plus(501);
    let out = wire.router.tick(due, 0.0);
    assert_eq!(errors(&out), [("ESEQ_RETRY".to_owned(), false)]);
    assert!(
        out.iter()
            .any(|output| matches!(output, Output::Deliver(Event::LaneFailed { .. })))
    );
    assert_eq!(wire.router.footprint().bytes, 0, "what waited is dropped");
}

#[test]
fn a_hole_in_an_older_clients_numbering_only_delays() {
    let mut router = fixture::router();
    router.receive(Millis(0), syn("a", 5, "hi"));
    let out = router.receive(Millis(0), syn_less("a", 9, "next"));
    assert!(!out.iter().any(|output| matches!(output, Output::Deliver(_))));
    let out = router.tick(Millis(501), 0.0);
    let delivered: Vec<_> = out
        .iter()
        .filter(|output| matches!(output, Output::Deliver(_)))
        .collect();
    assert!(
        matches!(delivered[..], [Output::Deliver(Event::Message { .. })]),
        "{out:?}"
    );
}

fn syn_less(stream: &str, msg_seq: u64, text: &str) -> Frame<'static> {
    let mut frame = syn(stream, msg_seq, text);
    frame.flags.remove(Flag::Syn);
    frame
}

#[test]
fn an_exhausted_budget_ends_a_stream_after_its_error() {
    let mut wire = connected(&[]);
    let out = wire
        .client
        .open(
            wire.now,
            key("a"),
            (Tier::Gold, window()),
            meta(&[]),
            request("hi"),
        )
        .unwrap();
    wire.pass(Side::Client, out);
    let out = wire.router.accept(wire.now, &key("a"), window(), None);
    wire.pass(Side::Router, out);
    wire.client.events();
    let out = wire
        .router
        .fail(wire.now, &key("a"), &Fault::new(Code::Budget, "spent"));
    assert_eq!(errors(&out), [("EBUDGET".to_owned(), false)]);
    wire.pass(Side::Router, out);
    assert_eq!(wire.client.texts(), ["control ", "finished"]);
    assert_eq!(
        wire.client.streams().next().map(crate::stream::Stream::state),
        Some(State::HalfClosedRemote)
    );
}
