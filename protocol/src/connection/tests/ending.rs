//! What ends a connection or a stream: faults, drain, silence, idleness.

use super::fixture::{self, Side, close_code, connected, errors, key, payload, syn};
use crate::connection::{Config, Connection, Event, Output};
use crate::error::{Code, Fault, Scope};
use crate::frame::{Flag, Frame};
use crate::payload::Kind;
use crate::stream::State;
use crate::units::{Millis, Tier};

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
    wire.ask(Tier::Gold);
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
