use atp_routing::budget::Balance;

use super::requests::{begin, end};
use super::*;
use crate::journal::decisions::AppendDecisions;
use crate::journal::ledger::ReclaimNode;
use crate::journal::requests::{BeginRequestReply, End};
use crate::journal::streams::{FinishStreamReply, State, TakeOver, TakeOverReply};
use crate::machine::Context;
use crate::restore::Restorable;

fn restore(log: &mut Log<Journal>) {
    let context = Context {
        index: log.index,
        now_us: log.now_us,
    };
    log.machine.restored(&context);
    assert_eq!(
        log.reloaded().machine,
        log.machine,
        "what begins is saved and loaded as any state"
    );
}

fn balances(log: &Log<Journal>) -> Vec<Balance> {
    let ledger = log.machine.home().ledger();
    ledger.accounts().map(|(_, account)| account.balance()).collect()
}

#[test]
fn what_members_had_of_accounts_is_charged_as_that_of_a_lost_one_and_nothing_is_free_that_was_not() {
    let mut log = tree();
    log.propose(&ask(1, "l1", "a", 1, amount(100, 80)));
    log.propose(&say(1, "l1", Some(spent(1, amount(30, 20))), false));
    log.propose(&ask(2, "l2", "b", 1, amount(50, 60)));
    log.propose(&ask(3, "l3", "t", 1, amount(7, 8)));
    log.propose(&ReclaimNode { node: node(3) });
    let before = balances(&log);
    let mut removed = log.clone();
    for number in [1, 2] {
        removed.propose(&ReclaimNode { node: node(number) });
    }
    restore(&mut log);
    let after = balances(&log);
    assert_eq!(after, balances(&removed), "as if every member had been removed");
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(after.held, Amount::ZERO);
        assert_eq!(after.settled, before.settled.plus(before.held));
        assert_eq!(after.unknown, before.unknown.plus(before.held));
    }
    assert_eq!(log.machine.home().leases().count(), 0);
    // The numbers of the old members are others' from here on.
    for number in 1..=3 {
        let lease = format!("new-{number}");
        let reply = log.propose(&ask(number, &lease, "t", 1, amount(1, 1)));
        assert!(
            matches!(reply, crate::journal::ledger::GrantLeaseReply::Granted(_)),
            "{reply:?}"
        );
    }
}

#[test]
fn finals_stay_and_what_ran_is_neither_there_nor_run_again() {
    let mut log = tree();
    log.propose(&open("s", "done", None));
    let finished: FinishStreamReply = log.propose(&finish("s", "done", epoch(&log, "s", "done"), b"final"));
    assert_eq!(finished, FinishStreamReply::Finished, "{finished:?}");
    log.propose(&open("s", "runs", None));
    for (number, name) in [(1, "kept"), (2, "cut")] {
        log.propose(&begin(1, number, name, 7));
    }
    log.propose(&end(1, 1, "kept", End::Answered(b"that".to_vec())));
    let from = epoch(&log, "s", "done");
    restore(&mut log);
    let streams = log.machine.streams();
    let left: Vec<_> = streams.iter().map(|(id, stream)| (id, stream.state)).collect();
    assert_eq!(left, [(&stream_id("s", "done"), State::Finished)]);
    assert_eq!(streams.running().count(), 0);
    assert_eq!(
        log.propose(&begin(2, 9, "kept", 7)),
        BeginRequestReply::Ended(b"that".to_vec())
    );
    assert_eq!(
        log.propose(&begin(2, 9, "cut", 7)),
        BeginRequestReply::Lost(node(1)),
        "it may have been carried out"
    );
    let taken = TakeOver {
        stream: stream_id("s", "done"),
        owner: node(1),
        from,
    };
    let TakeOverReply::Taken { epoch } = log.propose(&taken) else {
        panic!("it is where it was");
    };
    assert!(epoch > from);
}

#[test]
fn chains_go_on_and_old_writers_are_not_taken_for_new_ones() {
    let mut log = tree();
    let append = |number, record: &[u8]| AppendDecisions {
        node: node(1),
        incarnation: 9,
        number,
        tenant: TenantId::new("acme").unwrap(),
        records: vec![serde_bytes::ByteBuf::from(record)],
    };
    log.propose(&append(1, b"one"));
    let tenant = TenantId::new("acme").unwrap();
    let head = log.machine.decisions().chain(&tenant);
    restore(&mut log);
    assert_eq!(log.machine.decisions().chain(&tenant), head);
    let fresh = AppendDecisions {
        incarnation: 1,
        ..append(1, b"two")
    };
    log.propose(&fresh);
    let chain = log.machine.decisions().chain(&tenant);
    assert_eq!(chain.next, head.next + 1);
}
