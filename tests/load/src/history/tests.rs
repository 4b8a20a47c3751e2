//! Histories that are known to be good or bad, and those of a real register.

use proptest::prelude::*;

use super::LedgerOp::{Hold, Read, Settle};
use super::RegisterOp::{Get, Put, Swap};
use super::*;

const STEPS: usize = 100_000;

/// An operation from `called` to `returned`; 0 stands for no return.
fn op<O>(called: u64, returned: u64, op: O) -> Operation<O> {
    Operation {
        op,
        called: Duration::from_millis(called),
        returned: (returned > 0).then(|| Duration::from_millis(returned)),
    }
}

fn register(history: &[Operation<RegisterOp>]) -> Verdict {
    check(&Register, history, STEPS)
}

fn ledger(history: &[Operation<LedgerOp>]) -> Verdict {
    check(&Ledger { limit: 100 }, history, STEPS)
}

fn hold(id: u64, amount: u64, granted: bool) -> LedgerOp {
    Hold {
        id,
        amount,
        granted: Some(granted),
    }
}

fn settle(id: u64, amount: u64, counted: Option<bool>) -> LedgerOp {
    Settle { id, amount, counted }
}

#[test]
fn a_read_during_a_write_may_see_either_value() {
    for seen in [None, Some(1)] {
        assert_eq!(
            register(&[op(0, 10, Put(1)), op(2, 4, Get(seen))]),
            Verdict::Linearizable
        );
    }
}

#[test]
fn a_read_after_a_write_that_misses_it_is_found() {
    let history = [op(1, 2, Put(1)), op(3, 4, Put(2)), op(5, 6, Get(Some(1)))];
    assert_eq!(register(&history), Verdict::Violation { at: 2 });
}

#[test]
fn a_value_that_was_read_is_not_unread() {
    let history = [op(1, 20, Put(1)), op(2, 4, Get(Some(1))), op(5, 7, Get(None))];
    assert!(matches!(register(&history), Verdict::Violation { .. }));
}

#[test]
fn a_write_of_unknown_outcome_happens_late_or_never() {
    let never = [op(1, 0, Put(1)), op(3, 4, Put(2)), op(5, 6, Get(Some(2)))];
    assert_eq!(register(&never), Verdict::Linearizable);
    let late = [
        op(1, 0, Put(1)),
        op(3, 4, Put(2)),
        op(5, 6, Get(Some(2))),
        op(7, 8, Get(Some(1))),
    ];
    assert_eq!(register(&late), Verdict::Linearizable);
    let twice = [
        op(1, 0, Put(1)),
        op(3, 4, Get(Some(1))),
        op(5, 6, Put(2)),
        op(7, 8, Get(Some(1))),
    ];
    assert!(matches!(register(&twice), Verdict::Violation { .. }));
    let early = [op(1, 2, Get(Some(1))), op(3, 0, Put(1))];
    assert!(matches!(register(&early), Verdict::Violation { .. }));
}

#[test]
fn of_two_swaps_from_one_value_one_succeeds() {
    let swap = |to, done| Swap {
        from: Some(1),
        to,
        done: Some(done),
    };
    let one = [
        op(1, 2, Put(1)),
        op(3, 9, swap(2, true)),
        op(4, 8, swap(3, false)),
    ];
    assert_eq!(register(&one), Verdict::Linearizable);
    let both = [op(1, 2, Put(1)), op(3, 9, swap(2, true)), op(4, 8, swap(3, true))];
    assert!(matches!(register(&both), Verdict::Violation { .. }));
}

#[test]
fn a_search_that_takes_too_long_decides_nothing() {
    let history = [op(1, 2, Put(1)), op(3, 4, Get(Some(1)))];
    assert_eq!(check(&Register, &history, 1), Verdict::Undecided);
}

#[test]
fn holds_beyond_the_limit_are_found() {
    let fits = [op(1, 9, hold(1, 60, true)), op(2, 8, hold(2, 60, false))];
    assert_eq!(ledger(&fits), Verdict::Linearizable);
    let overspent = [op(1, 9, hold(1, 60, true)), op(2, 8, hold(2, 60, true))];
    assert!(matches!(ledger(&overspent), Verdict::Violation { .. }));
}

#[test]
fn a_hold_that_was_settled_makes_room_for_another() {
    let history = [
        op(1, 2, hold(1, 60, true)),
        op(3, 9, settle(1, 20, Some(true))),
        op(4, 8, hold(2, 80, true)),
        op(
            10,
            11,
            Read {
                settled: 20,
                held: 80,
            },
        ),
    ];
    assert_eq!(ledger(&history), Verdict::Linearizable);
}

#[test]
fn a_settlement_that_counts_twice_is_found() {
    let once = [
        op(1, 2, hold(1, 60, true)),
        op(3, 0, settle(1, 50, None)),
        op(4, 5, settle(1, 50, Some(false))),
        op(6, 7, Read { settled: 50, held: 0 }),
    ];
    assert_eq!(ledger(&once), Verdict::Linearizable);
    let mut twice = once.clone();
    twice[2].op = settle(1, 50, Some(true));
    twice[3].op = Read {
        settled: 100,
        held: 0,
    };
    assert!(matches!(ledger(&twice), Verdict::Violation { .. }));
}

proptest! {
    /// Histories made by a register that really is one: each operation happens at a point, called before, returned after.
    #[test]
    fn what_a_real_register_answers_is_linearizable(
        operations in prop::collection::vec((0_u8..3, 0_u64..4, 0_u64..40, 0_u64..40, any::<bool>()), 1..40),
    ) {
        let mut value = None;
        let mut history = Vec::new();
        for (index, (kind, wanted, before, after, is_known)) in operations.into_iter().enumerate() {
            let point = 100 + index as u64 * 10;
            let done = match kind {
                0 => Put(wanted),
                1 => Get(value),
                _ => Swap { from: Some(wanted), to: wanted + 1, done: is_known.then_some(value == Some(wanted)) },
            };
            value = Register.step(&value, &done).expect("the answer is that of the model");
            let is_known = is_known || kind == 1;
            history.push(op(point - before, if is_known { point + after } else { 0 }, done));
        }
        prop_assert_eq!(register(&history), Verdict::Linearizable);
    }
}
