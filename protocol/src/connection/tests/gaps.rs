//! Messages that are missing, and those that wait for them.

use super::fixture::{self, connected, errors, key, request, syn, syn_less};
use crate::connection::{Config, Event, Output};
use crate::frame::Frame;
use crate::units::Millis;

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
