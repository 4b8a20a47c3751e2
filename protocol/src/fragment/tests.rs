//! The reassembler as a whole.

use super::*;
use crate::error::Code;
use crate::sign::fragment::{full, merkle_root};
use crate::units::Millis;
use proptest::prelude::*;

const ROOM: usize = usize::MAX;

fn key(seq: u64) -> Key {
    (LaneId::default(), seq)
}

fn fragment(at: usize, count: usize, text: &str) -> Fragment<&'static str> {
    Fragment {
        frag_seq: at as u32,
        markers: Marking::Native.of(at, count),
        checksum: None,
        body: Body::Text(text.to_owned()),
        header: "header",
    }
}

fn reassembler(config: ReassemblyConfig) -> Reassembler<&'static str> {
    Reassembler::new(config)
}

fn with_nack() -> Reassembler<&'static str> {
    reassembler(ReassemblyConfig {
        has_nack: true,
        ..ReassemblyConfig::default()
    })
}

#[test]
fn a_repeat_is_ignored_and_a_conflict_does_not_replace() {
    let mut stream = reassembler(ReassemblyConfig::default());
    let mut push = |at, text| stream.push(Millis(0), &key(1), fragment(at, 2, text), ROOM);
    assert_eq!(push(1, "b"), Pushed::Held);
    assert_eq!(push(1, "b"), Pushed::Held);
    assert_eq!(push(1, "x"), Pushed::Conflict);
    let Pushed::Complete(whole) = push(0, "a") else {
        panic!("not complete")
    };
    assert_eq!(Body::join(&whole.pieces), Some(Body::Text("ab".to_owned())));
    assert_eq!(whole.checksum, full(crate::sign::fragment::Chunk::Text("ab")));
    assert_eq!(push(0, "a"), Pushed::Late);
}

#[test]
fn a_damaged_fragment_is_never_stored() {
    let mut stream = reassembler(ReassemblyConfig::default());
    let mut damaged = fragment(0, 1, "a");
    damaged.checksum = Some(Checksum::parse(&full(crate::sign::fragment::Chunk::Text("b"))));
    assert_eq!(
        stream.push(Millis(0), &key(1), damaged, ROOM),
        Pushed::BadChecksum
    );
    assert!(!stream.holds(&key(1)));
    let unreadable = Fragment {
        checksum: Some(None),
        ..fragment(0, 1, "a")
    };
    assert_eq!(
        stream.push(Millis(0), &key(1), unreadable, ROOM),
        Pushed::BadChecksum
    );
}

#[test]
fn a_merkle_root_is_compared_and_recomputed() {
    let root = |texts: &[&'static str]| {
        Checksum::parse(&merkle_root(
            texts.iter().map(|text| crate::sign::fragment::Chunk::Text(text)),
        ))
    };
    let tagged = |at, text, root: Option<Checksum>| Fragment {
        checksum: Some(root),
        ..fragment(at, 2, text)
    };
    let mut stream = reassembler(ReassemblyConfig::default());
    let mut push = |seq, fragment| stream.push(Millis(0), &key(seq), fragment, ROOM);
    push(1, tagged(0, "a", root(&["a", "b"])));
    assert_eq!(push(1, tagged(1, "b", root(&["x"]))), Pushed::BadChecksum);
    assert!(matches!(
        push(1, tagged(1, "b", root(&["a", "b"]))),
        Pushed::Complete(_)
    ));
    push(2, tagged(0, "a", root(&["a", "b"])));
    let Pushed::Abandoned(fault) = push(2, tagged(1, "c", root(&["a", "b"]))) else {
        panic!("not abandoned")
    };
    assert_eq!(fault.code, Code::Proto);
}

#[test]
fn limits_refuse_with_a_reason() {
    let mut stream = reassembler(ReassemblyConfig {
        messages: 1,
        message_bytes: 3,
        ..ReassemblyConfig::default()
    });
    let mut push = |seq, fragment, room| match stream.push(Millis(0), &key(seq), fragment, room) {
        Pushed::Refused(fault) => Some(fault.code),
        _ => None,
    };
    assert_eq!(push(1, fragment(0, 3, "ab"), 2), None);
    assert_eq!(push(1, fragment(1, 3, "cd"), ROOM), Some(Code::TooBig));
    assert_eq!(push(1, fragment(1, 3, "c"), 0), Some(Code::Window));
    assert_eq!(push(2, fragment(0, 2, "a"), ROOM), Some(Code::Window));
    assert_eq!(push(1, fragment(4096, 9_999, "c"), ROOM), Some(Code::Proto));
    assert_eq!(stream.bytes(), 2 + 64);
}

#[test]
fn pieces_of_two_kinds_are_no_message() {
    let mut stream = reassembler(ReassemblyConfig::default());
    stream.push(Millis(0), &key(1), fragment(0, 3, "a"), ROOM);
    let binary = Fragment {
        body: Body::Binary("b".into()),
        ..fragment(1, 3, "")
    };
    assert!(matches!(
        stream.push(Millis(0), &key(1), binary, ROOM),
        Pushed::Abandoned(_)
    ));
    assert_eq!(stream.bytes(), 0);
}

#[test]
fn without_nack_a_hole_ends_the_message_strictly_after_its_time() {
    let mut stream = reassembler(ReassemblyConfig::default());
    stream.push(Millis(10), &key(1), fragment(1, 3, "b"), ROOM);
    assert!(stream.tick(Millis(510), 0.0).is_empty());
    assert_eq!(stream.next_deadline(), Some(Millis(511)));
    let overdue = stream.tick(Millis(511), 0.0);
    let [
        Overdue::Abandoned {
            header: None,
            fault: Some(fault),
            ..
        },
    ] = &overdue[..]
    else {
        panic!("{overdue:?}")
    };
    assert_eq!((fault.code, fault.retryable), (Code::SeqRetry, Some(false)));
    assert_eq!(
        stream.push(Millis(512), &key(1), fragment(0, 3, "a"), ROOM),
        Pushed::Late
    );
}

#[test]
fn with_nack_a_hole_is_asked_for_three_times() {
    let mut stream = with_nack();
    stream.push(Millis(0), &key(1), fragment(3, 4, "d"), ROOM);
    let mut asked = Vec::new();
    let mut now = 0;
    while let Some(due) = stream.next_deadline() {
        now = due.0;
        for overdue in stream.tick(due, 0.0) {
            match overdue {
                Overdue::Nack { missing, .. } => asked.push((now, missing)),
                Overdue::Abandoned { fault, .. } => assert!(fault.is_some()),
            }
        }
    }
    assert_eq!(
        asked,
        [(0, vec![0, 1, 2]), (501, vec![0, 1, 2]), (1_502, vec![0, 1, 2])]
    );
    assert_eq!(now, 3_503);
}

#[test]
fn reordering_is_not_taken_for_loss_while_the_end_is_unknown() {
    let mut stream = with_nack();
    stream.push(Millis(0), &key(1), fragment(1, 9, "b"), ROOM);
    assert_eq!(stream.next_deadline(), Some(Millis(501)));
    stream.push(Millis(1), &key(1), fragment(0, 9, "a"), ROOM);
    assert_eq!(stream.next_deadline(), Some(Millis(30_001)));
}

#[test]
fn a_missing_tail_times_out() {
    let mut stream = reassembler(ReassemblyConfig::default());
    stream.push(Millis(0), &key(1), fragment(0, 2, "a"), ROOM);
    let overdue = stream.tick(Millis(30_000), 0.0);
    let [
        Overdue::Abandoned {
            header: Some("header"),
            fault: Some(fault),
            ..
        },
    ] = &overdue[..]
    else {
        panic!("{overdue:?}")
    };
    assert_eq!(fault.code, Code::Timeout);
}

#[test]
fn contiguous_pieces_are_handed_on_once() {
    let mut stream = reassembler(ReassemblyConfig::default());
    let text = |text: &str| Body::Text(text.to_owned());
    stream.push(Millis(0), &key(1), fragment(1, 4, "b"), ROOM);
    assert_eq!(stream.hand_on(&key(1)), None);
    stream.push(Millis(0), &key(1), fragment(0, 4, "a"), ROOM);
    assert_eq!(
        stream.hand_on(&key(1)),
        Some((&"header", 0, vec![text("a"), text("b")]))
    );
    assert_eq!(stream.hand_on(&key(1)), None);
    stream.push(Millis(0), &key(1), fragment(2, 4, "c"), ROOM);
    let Pushed::Complete(whole) = stream.push(Millis(0), &key(1), fragment(3, 4, "d"), ROOM) else {
        panic!("not complete")
    };
    assert_eq!(whole.pieces[whole.handed..], [text("c"), text("d")]);
}

proptest! {
    #[test]
    fn any_order_with_repeats_gives_the_text(text in ".{1,80}", order in proptest::collection::vec(0_usize..40, 0..80)) {
        let pieces = split_text(&text, 4, Unit::Bytes);
        for marking in [Marking::Native, Marking::Legacy] {
            let mut stream = reassembler(ReassemblyConfig::default());
            let mut wholes = Vec::new();
            for at in order.iter().map(|at| at % pieces.len()).chain(0..pieces.len()) {
                let fragment = Fragment {
                    markers: marking.of(at, pieces.len()),
                    ..fragment(at, pieces.len(), pieces[at])
                };
                if let Pushed::Complete(whole) = stream.push(Millis(0), &key(1), fragment, ROOM) {
                    wholes.push(Body::join(&whole.pieces));
                }
            }
            prop_assert_eq!(wholes, vec![Some(Body::Text(text.clone()))]);
            prop_assert_eq!(stream.bytes(), 0);
        }
    }
}
