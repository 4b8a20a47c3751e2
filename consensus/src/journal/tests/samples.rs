//! One command of each kind, and random sequences of them.

use atp_protocol::ids::{CloneId, LaneId, PersonaId};
use proptest::prelude::*;

use super::decisions::append;
use super::requests::{begin, end};
use super::*;
use crate::command::{Body, encode};
use crate::journal::ledger::*;
use crate::journal::requests::End;
use crate::journal::streams::*;

fn bytes<B: Body>(command: &B) -> Vec<u8> {
    encode(command).unwrap()
}

const REPORT: Report = Report {
    number: 1,
    spent: amount(3, 4),
    beyond: amount(5, 6),
    unknown: amount(1, 2),
    returned: amount(7, 8),
    calls: 9,
};

/// One command of each kind, in the order of the table.
pub(super) fn each() -> Vec<Vec<u8>> {
    vec![
        bytes(&limits("a", Some("t"), 600)),
        bytes(&CloseAccount {
            account: account_id("a"),
        }),
        bytes(&ask(1, "l", "a", 1, amount(50, 60))),
        bytes(&say(1, "l", Some(REPORT), true)),
        bytes(&ReclaimNode { node: node(2) }),
        bytes(&tick()),
        bytes(&OpenStream {
            token: Some(token(1)),
            ..open("s", "x", Some("k"))
        }),
        bytes(&progress("s", "x", 5, 3)),
        bytes(&RotateToken {
            stream: stream_id("s", "x"),
            epoch: 5,
            token: token(2),
        }),
        bytes(&ConsumeToken {
            token: token(1).hash,
            stream: stream_id("s", "x"),
        }),
        bytes(&TakeOver {
            stream: stream_id("s", "x"),
            owner: node(2),
            from: 5,
        }),
        bytes(&finish("s", "x", 5, b"final")),
        bytes(&CloseStream {
            stream: stream_id("s", "x"),
            epoch: 6,
        }),
        bytes(&append(300, 1, &[b"allow", b"deny"])),
        bytes(&begin(1, 1, "k", 7)),
        bytes(&end(1, 1, "k", End::Answered(b"that".to_vec()))),
    ]
}

/// A clone's lane has sent so many.
pub(super) fn progress(session: &str, stream: &str, epoch: u64, tx: u64) -> RecordProgress {
    RecordProgress {
        stream: stream_id(session, stream),
        epoch,
        lanes: vec![Lane {
            lane: LaneId {
                persona: Some(PersonaId::new("lawyer").unwrap()),
                clone: Some(CloneId(2)),
            },
            tx,
            rx: 1,
            has_delivered: tx > 1,
        }],
        budget_left: amount(90, 180),
    }
}

/// Commands about a few streams, tokens and keys.
fn any_stream_command() -> impl Strategy<Value = Vec<u8>> {
    let session = prop::sample::select(vec!["s", "u"]);
    let stream = prop::sample::select(vec!["x", "y"]);
    let key = prop::option::of(prop::sample::select(vec!["k", "l"]));
    // How many epochs late; [`timely`] makes epochs of it.
    let late = prop_oneof![4 => Just(0), 1 => 1..3_u64];
    let place = (session, stream, late);
    prop_oneof![
        4 => (place.clone(), key, 0..4_u8).prop_map(|((session, stream, _), key, first)| {
            bytes(&OpenStream { token: Some(token(first)), ..open(session, stream, key) })
        }),
        4 => (place.clone(), 1..5_u64)
            .prop_map(|((session, stream, epoch), tx)| bytes(&progress(session, stream, epoch, tx))),
        2 => (place.clone(), 0..4_u8).prop_map(|((session, stream, epoch), byte)| bytes(&RotateToken {
            stream: stream_id(session, stream),
            epoch,
            token: token(byte),
        })),
        2 => (place.clone(), 0..4_u8).prop_map(|((session, stream, _), byte)| bytes(&ConsumeToken {
            token: token(byte).hash,
            stream: stream_id(session, stream),
        })),
        2 => (place.clone(), 1..3_u16).prop_map(|((session, stream, from), owner)| bytes(&TakeOver {
            stream: stream_id(session, stream),
            owner: node(owner),
            from,
        })),
        3 => (place.clone(), 0..3_u8).prop_map(|((session, stream, epoch), byte)| {
            bytes(&finish(session, stream, epoch, &[byte]))
        }),
        2 => place.prop_map(|(session, stream, epoch)| bytes(&CloseStream {
            stream: stream_id(session, stream),
            epoch,
        })),
    ]
}

fn any_amount() -> impl Strategy<Value = Amount> {
    (0..300_u64, 0..300_u64).prop_map(|(tokens, usd_micros)| amount(tokens, usd_micros))
}

fn any_report() -> impl Strategy<Value = Report> {
    let amounts = (any_amount(), any_amount(), any_amount(), any_amount());
    (1..5_u64, amounts, 0..9_u32).prop_map(|(number, (spent, beyond, unknown, returned), calls)| Report {
        number,
        spent,
        beyond,
        unknown,
        returned,
        calls,
    })
}

/// Commands about a few accounts; leases of an account carry its name.
fn any_ledger_command() -> impl Strategy<Value = Vec<u8>> {
    let number = 1..4_u16;
    let name = prop::sample::select(vec!["t", "a", "b"]);
    let parent = |id: &str| (id != "t").then_some("t");
    prop_oneof![
        1 => (name.clone(), 0..1_200_u64).prop_map(move |(id, limit)| bytes(&limits(id, parent(id), limit))),
        1 => name.clone().prop_map(|id| bytes(&CloseAccount { account: account_id(id) })),
        6 => (number.clone(), name.clone(), 1..5_u64, any_amount()).prop_map(|(number, id, count, lacking)| {
            bytes(&ask(number, &format!("{id}{number}"), id, count, lacking))
        }),
        6 => (number.clone(), name, prop::option::of(any_report()), any::<bool>()).prop_map(
            |(number, id, report, ends)| bytes(&say(number, &format!("{id}{number}"), report, ends))
        ),
        1 => Just(bytes(&ReclaimNode { node: node(3) })),
        2 => Just(bytes(&tick())),
    ]
}

/// Commands about a few keys, of a few claims.
fn any_request_command() -> impl Strategy<Value = Vec<u8>> {
    let key = prop::sample::select(vec!["k", "l", "m"]);
    let said = prop_oneof![
        2 => Just(End::Answered(vec![1; 20])),
        1 => Just(End::Again),
        1 => Just(End::Lost),
    ];
    let claim = (1..3_u16, 1..4_u64);
    prop_oneof![
        (claim.clone(), key.clone(), 0..2_u8)
            .prop_map(|((node, number), key, hash)| bytes(&begin(node, number, key, hash))),
        (claim, key, said).prop_map(|((node, number), key, said)| bytes(&end(node, number, key, said))),
    ]
}

/// `tree`, then commands about a few things, so that they meet each other, with so much time before each.
pub(super) fn any_commands(pass_ms: u64) -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(any_command(), 0..150).prop_map(move |commands| {
        let mut log = Log::<Journal>::new();
        let roots = [("t", None, 1_000), ("a", Some("t"), 600), ("b", Some("t"), 700)];
        let roots = roots.map(|(id, parent, limit)| bytes(&limits(id, parent, limit)));
        let mut timely_commands = Vec::new();
        for command in roots.into_iter().chain(commands) {
            let command = timely(&log.machine, command);
            log.pass_ms(pass_ms);
            log.apply(&command).unwrap();
            timely_commands.push(command);
        }
        timely_commands
    })
}

/// A command of an owner, with the epoch of its stream where it says how late the owner is.
fn timely(journal: &Journal, command: Vec<u8>) -> Vec<u8> {
    let epoch = |stream: &Binding, late: u64| {
        let known = journal.streams().get(stream);
        known.map_or(late, |known| known.epoch.saturating_sub(late))
    };
    fn edited<B: Body>(body: &[u8], edit: impl FnOnce(&mut B)) -> Vec<u8> {
        let mut command = crate::command::body::<B>(body).unwrap();
        edit(&mut command);
        bytes(&command)
    }
    let (tag, body) = crate::command::open(&command).unwrap();
    match tag {
        RecordProgress::TAG => edited(body, |of: &mut RecordProgress| {
            of.epoch = epoch(&of.stream, of.epoch)
        }),
        RotateToken::TAG => edited(body, |of: &mut RotateToken| {
            of.epoch = epoch(&of.stream, of.epoch)
        }),
        TakeOver::TAG => edited(body, |of: &mut TakeOver| of.from = epoch(&of.stream, of.from)),
        FinishStream::TAG => edited(body, |of: &mut FinishStream| {
            of.epoch = epoch(&of.stream, of.epoch)
        }),
        CloseStream::TAG => edited(body, |of: &mut CloseStream| {
            of.epoch = epoch(&of.stream, of.epoch)
        }),
        _ => command,
    }
}

fn any_command() -> impl Strategy<Value = Vec<u8>> {
    let tick = Tick {
        session_ttl_ms: 30_000,
    };
    prop_oneof![
        10 => any_ledger_command(),
        10 => any_stream_command(),
        5 => any_request_command(),
        1 => Just(bytes(&tick)),
        2 => (1..3_u64, 1..5_u64).prop_map(|(life, number)| bytes(&append(life, number, &[b"allow", b"deny"]))),
    ]
}
