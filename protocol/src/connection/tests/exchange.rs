//! A request and its answer, from end to end.

use super::fixture::{Side, Wire, connected, errors, key, partial, payload, request, window};
use crate::connection::{Event, Output};
use crate::error::{Code, Fault};
use crate::frame::Frame;
use crate::payload::Kind;
use crate::stream::State;
use crate::units::Tier;

#[test]
fn a_request_is_answered_and_both_sides_close() {
    let mut wire = connected(&["nack"]);
    wire.ask(Tier::Gold);
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
    wire.ask(Tier::Gold);
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
fn a_full_buffer_stops_the_sender_until_acknowledged() {
    let mut wire = connected(&[]);
    wire.ask(Tier::Gold);
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
    wire.ask(Tier::Gold);
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
fn pieces_of_a_partial_are_delivered_as_they_come() {
    let mut wire = connected(&["nack"]);
    wire.ask(Tier::Bronze);
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
fn an_exhausted_budget_ends_a_stream_after_its_error() {
    let mut wire = connected(&[]);
    wire.ask(Tier::Gold);
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
