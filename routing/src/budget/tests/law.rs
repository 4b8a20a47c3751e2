//! Random operations against a [model](super::model), and against the journal they leave.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::model::{BOUNDS, Model, Op, TREE, any_limits, any_op};
use super::*;
use crate::budget::{Balance, Bounds, Refusal, Report};

fn propose(ledger: &Ledger, now: u64, op: &Op) -> Vec<Record> {
    let hold = |id: u8| hold_id(&format!("r{id}"));
    let now = UnixMillis(now);
    let proposed = match *op {
        Op::Limits { account, limits } => {
            let parent = TREE[account].1.map(|at| account_id(TREE[at].0));
            ledger
                .propose_account(&account_id(TREE[account].0), parent.as_ref(), limits)
                .ok()
        }
        Op::Hold {
            id,
            account,
            amount,
            calls,
            life,
            dispatched,
        } => {
            let account = account_id(TREE[account].0);
            let expires_at = UnixMillis(now.0 + life);
            ledger
                .propose_hold(
                    now,
                    &hold(id),
                    Hold {
                        account,
                        amount,
                        calls,
                        expires_at,
                        dispatched,
                        reports: 0,
                    },
                )
                .ok()
        }
        Op::Extend { id, by, life } => ledger
            .propose_extend(&hold(id), by, 0, UnixMillis(now.0 + life))
            .ok(),
        Op::Report { id, report, skew } => {
            let taken = ledger.hold(&hold(id)).map_or(0, |hold| hold.reports);
            let number = taken + 1 + skew;
            ledger
                .propose_report(now, &hold(id), Report { number, ..report })
                .ok()
        }
        Op::Settle { id, actual, source } => ledger.propose_settle(now, &hold(id), actual, source).ok(),
        Op::Release { id } => ledger.propose_release(&hold(id)).ok(),
        Op::Expire { after } => {
            return ledger.propose_expired(UnixMillis(now.0 + after), usize::MAX, |_| None);
        }
    };
    proposed.into_iter().collect()
}

fn encoded(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        record.encode_into(&mut bytes);
    }
    bytes
}

fn replay(records: &[Record]) -> Ledger {
    let mut ledger = Ledger::new(BOUNDS);
    for record in records {
        let mut bytes = Vec::new();
        record.encode_into(&mut bytes);
        assert!(ledger.apply(&Record::decode(&bytes).unwrap()).keeps_limits);
    }
    ledger
}

proptest! {
    #[test]
    fn the_ledger_is_the_model_and_its_journal(
        limits in proptest::array::uniform5(any_limits()),
        ops in proptest::collection::vec(any_op(), 1..80),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut ledger = Ledger::new(BOUNDS);
        let mut model = Model {
            now: 1_000,
            limits,
            spent: [Balance::default(); TREE.len()],
            live: Vec::new(),
            ended: BTreeSet::new(),
        };
        let mut journal = Vec::new();
        for (account, &limits) in limits.iter().enumerate() {
            journal.extend(propose(&ledger, 0, &Op::Limits { account, limits }));
            let _ = ledger.apply(journal.last().unwrap());
        }
        for op in &ops {
            let records = propose(&ledger, model.now, op);
            prop_assert_eq!(model.run(op), !records.is_empty(), "{:?}", op);
            for record in &records {
                let applied = ledger.apply(record);
                prop_assert!(applied.had_effect && applied.keeps_limits, "{:?}", record);
            }
            journal.extend(records);
            for (at, (id, _)) in TREE.iter().enumerate() {
                let account = ledger.account(&account_id(id)).unwrap();
                prop_assert_eq!(account.balance(), model.balance(at), "{} after {:?}", id, op);
            }
            prop_assert!(ledger.is_consistent());
        }

        // a crash at any record: history and snapshot give the same ledger, and go on alike
        let cut = cut.index(journal.len() + 1);
        let mut from_history = replay(&journal[..cut]);
        let mut from_snapshot = replay(&from_history.snapshot());
        prop_assert_eq!(&from_snapshot, &from_history);
        prop_assert_eq!(encoded(&from_snapshot.snapshot()), encoded(&from_history.snapshot()));
        for record in &journal[cut..] {
            prop_assert_eq!(from_snapshot.apply(record), from_history.apply(record));
        }
        prop_assert_eq!(&from_snapshot, &ledger);
        prop_assert_eq!(&from_history, &ledger);
    }

    #[test]
    fn what_is_refused_for_good_is_larger_than_some_limit_leaves_unspent_and_nothing_else_is(
        limits in proptest::array::uniform5(any_limits()),
        ops in proptest::collection::vec(any_op(), 0..40),
        account in 0..TREE.len(),
        wanted in (0_u64..200, 0_u64..200, 0_u32..8),
    ) {
        let mut ledger = Ledger::new(Bounds { holds: usize::MAX, ..BOUNDS });
        for (account, &limits) in limits.iter().enumerate() {
            let record = propose(&ledger, 0, &Op::Limits { account, limits }).pop().unwrap();
            let _ = ledger.apply(&record);
        }
        for op in &ops {
            for record in propose(&ledger, 1_000, op) {
                let _ = ledger.apply(&record);
            }
        }
        let (tokens, usd_micros, calls) = wanted;
        let id = account_id(TREE[account].0);
        let ask = |ledger: &Ledger| ledger.preflight(&id, amount(tokens, usd_micros), calls);
        let exceeds_a_limit = std::iter::successors(Some(account), |&at| TREE[at].1).any(|at| {
            let account = ledger.account(&account_id(TREE[at].0)).unwrap();
            let Balance { settled, overrun, .. } = account.balance();
            let unspent = account.limits().amount().minus(settled.plus(overrun));
            tokens > unspent.tokens || usd_micros > unspent.usd_micros || calls > account.limits().parallel()
        });
        let refused = ask(&ledger);
        let is_for_good = refused.as_ref().is_err_and(|refusal| !refusal.may_pass());
        prop_assert_eq!(is_for_good, exceeds_a_limit, "{:?}", refused);
        if let Err(Refusal::NeverFits { wanted, remaining, limit, .. }) = refused {
            prop_assert!(remaining <= limit && remaining < wanted);
        }

        // nothing but time stands in the way of the others
        let held: Vec<HoldId> = (0..12).map(|id| hold_id(&format!("r{id}"))).collect();
        for id in &held {
            if let Ok(record) = ledger.propose_release(id) {
                let _ = ledger.apply(&record);
            }
        }
        prop_assert_eq!(ask(&ledger).is_err(), exceeds_a_limit);
    }
}
