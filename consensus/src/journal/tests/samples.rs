//! One command of each kind, and random sequences of them.

use proptest::prelude::*;

use super::*;
use crate::command::{Body, encode};
use crate::journal::ledger::*;

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

/// Commands about a few things, so that they meet each other; leases of an account carry its name.
pub(super) fn any_command() -> impl Strategy<Value = Vec<u8>> {
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
