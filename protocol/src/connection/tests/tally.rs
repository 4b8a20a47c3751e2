//! What a connection has to tell whoever counts.

use super::fixture::{Wire, connected, key, meta, partial, payload, window};
use crate::connection::{Footprint, Output, Tally};
use crate::frame::Frame;
use crate::payload::Kind;
use crate::units::{Millis, Tier};

/// The frames of a request of `bytes` bytes, not yet received.
fn asked(wire: &mut Wire, bytes: usize) -> Vec<Frame<'static>> {
    let request = payload(Kind::AgentRequest, &"x".repeat(bytes));
    let out = wire
        .client
        .open(wire.now, key("a"), (Tier::Silver, window()), meta(&[]), request)
        .unwrap();
    wire.client.absorb(out)
}

#[test]
fn what_is_received_is_counted_once() {
    let mut wire = connected(&["nack"]);
    let frames = asked(&mut wire, 30_000);
    assert_eq!(frames.len(), 3);
    wire.router.receive(wire.now, frames[0].clone());
    let held = wire.router.footprint();
    assert_eq!((held.lanes, held.reassembling), (1, 1));
    assert!(held.bytes >= 8_000, "{held:?}");
    wire.router.receive(wire.now, frames[1].clone());
    wire.router.receive(wire.now, frames[2].clone());
    let tally = wire.router.take_tally();
    let [(of, joined)] = tally.joined.as_slice() else {
        panic!("{tally:?}");
    };
    assert_eq!((of, joined.msg_seq, joined.parts), (&key("a"), 1, 3));
    assert!(joined.bytes >= 30_000, "{joined:?}");
    assert_eq!(tally.acknowledged, 3);
    assert!(wire.router.take_tally().is_empty());
    assert_eq!(
        wire.router.footprint(),
        Footprint {
            lanes: 1,
            ..Footprint::default()
        }
    );
    wire.router.receive(wire.now, frames[1].clone());
    assert_eq!(
        wire.router.take_tally(),
        Tally {
            duplicate_messages: 1,
            ..Tally::default()
        }
    );
}

#[test]
fn what_is_missing_and_asked_for_is_counted() {
    let mut wire = connected(&["nack"]);
    let frames = asked(&mut wire, 30_000);
    wire.router.receive(wire.now, frames[0].clone());
    wire.router.receive(wire.now, frames[2].clone());
    wire.router.tick(wire.now, 0.0);
    let tally = wire.router.take_tally();
    assert_eq!((tally.missing, tally.requested), (1, 1), "{tally:?}");
}

#[test]
fn a_lane_says_how_long_it_waited_for_a_message() {
    let mut wire = connected(&["nack"]);
    let opening = asked(&mut wire, 1);
    wire.router.receive(wire.now, opening[0].clone());
    let mut said = Vec::new();
    for text in ["one", "two"] {
        let out = wire
            .client
            .send(wire.now, &key("a"), partial(text), false)
            .unwrap();
        said.extend(out.into_iter().filter_map(|output| match output {
            Output::Transmit(frame) => Some(Frame::clone(&frame)),
            Output::Deliver(_) | Output::Close(_) => None,
        }));
    }
    wire.router.receive(Millis(10), said[1].clone());
    wire.router.receive(Millis(250), said[0].clone());
    assert_eq!(wire.router.take_tally().hole_waits_ms, [240]);
}
