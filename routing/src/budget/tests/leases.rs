//! Slices against one ledger: whatever is granted, spent, settled, given back, recalled or lost, in any order.

use std::collections::BTreeMap;

use atp_protocol::adapter::UsageSource;
use proptest::prelude::*;

use super::*;
use crate::budget::{Balance, Report, Short, Slice, grant};

const SLICES: usize = 3;
const LIFE: u64 = 1_000;

fn expiry(now: u64) -> UnixMillis {
    UnixMillis(now + LIFE)
}

#[test]
fn a_slice_says_what_it_lacks_and_takes_it_once_granted() {
    let mut slice = Slice::new(hold("s", 100, 10));
    let until = UnixMillis(NOW.0 + 10);
    let short = slice.take(&hold_id("r1"), amount(150, 5), until);
    assert_eq!(
        short,
        Err(Short::Lacking {
            lacking: amount(50, 0),
            calls: 0
        })
    );
    slice.extend(amount(50, 0), 1);
    slice.take(&hold_id("r1"), amount(150, 5), until).unwrap();
    let short = slice.take(&hold_id("r2"), amount(0, 5), until);
    assert_eq!(short, Ok(()));
    let short = slice.take(&hold_id("r3"), amount(0, 1), until);
    assert_eq!(
        short,
        Err(Short::Lacking {
            lacking: amount(0, 1),
            calls: 1
        })
    );
}

#[test]
fn usage_beyond_a_hold_takes_what_is_free_and_not_what_others_hold() {
    let lease = Hold {
        calls: 2,
        ..hold("s", 100, 100)
    };
    let mut slice = Slice::new(lease);
    let until = UnixMillis(NOW.0 + 10);
    slice.take(&hold_id("r1"), amount(40, 40), until).unwrap();
    slice.take(&hold_id("r2"), amount(50, 50), until).unwrap();
    slice
        .settle(&hold_id("r1"), amount(70, 10), UsageSource::Reported)
        .unwrap();
    assert!(
        slice
            .settle(&hold_id("r1"), amount(1, 1), UsageSource::Reported)
            .is_err()
    );
    let report = slice.report().unwrap();
    assert_eq!((report.spent, report.beyond), (amount(50, 10), amount(20, 0)));
    assert_eq!(slice.free(), amount(0, 40));
    assert_eq!(slice.report(), None);
}

#[test]
fn unreported_holds_of_a_slice_are_charged_whole() {
    let mut slice = Slice::new(hold("s", 100, 100));
    let due = UnixMillis(NOW.0 + 10);
    slice.take(&hold_id("r1"), amount(40, 40), due).unwrap();
    assert_eq!(slice.expire(UnixMillis(due.0 - 1)), 0);
    assert_eq!(slice.next_expiry(), Some(due));
    assert_eq!(slice.expire(due), 1);
    let report = slice.report().unwrap();
    assert_eq!((report.spent, report.unknown), (amount(40, 40), amount(40, 40)));
}

#[test]
fn a_grant_is_a_tenth_or_the_demand_and_never_less_than_needed() {
    let left = amount(1_000, 1_000);
    assert_eq!(grant(left, amount(5, 5), amount(50, 5_000)), amount(50, 100));
    assert_eq!(grant(left, amount(500, 5), amount(50, 0)), amount(500, 5));
}

#[derive(Debug, Clone)]
enum Op {
    /// Takes a hold, after asking home for what is lacking.
    Take {
        slice: usize,
        id: u8,
        amount: Amount,
    },
    TopUp {
        slice: usize,
        id: u8,
        by: Amount,
    },
    /// Usage in percent of the hold.
    Settle {
        slice: usize,
        id: u8,
        percent: u64,
        source: UsageSource,
    },
    Release {
        slice: usize,
        id: u8,
    },
    Report {
        slice: usize,
    },
    GiveBack {
        slice: usize,
        amount: Amount,
    },
    /// Every slice gives back what is free.
    Recall,
    /// The last report of a slice arrives once more.
    Repeat {
        slice: usize,
    },
    /// Somebody spends from the account at home.
    Direct {
        amount: Amount,
    },
    /// The holder dies: its lease is left to expire, and it starts anew.
    Die {
        slice: usize,
    },
}

fn any_amount() -> impl Strategy<Value = Amount> {
    (0_u64..60, 0_u64..60).prop_map(|(tokens, usd_micros)| amount(tokens, usd_micros))
}

/// Without `wild` no call uses more than it held, and no holder dies.
fn any_op(wild: bool) -> impl Strategy<Value = Op> {
    let slice = 0..SLICES;
    let id = 0_u8..30;
    let percent = if wild { 0_u64..300 } else { 0_u64..101 };
    let source = prop_oneof![4 => Just(UsageSource::Reported), 1 => Just(UsageSource::Unknown)];
    prop_oneof![
        8 => (slice.clone(), id.clone(), any_amount()).prop_map(|(slice, id, amount)| Op::Take { slice, id, amount }),
        2 => (slice.clone(), id.clone(), any_amount()).prop_map(|(slice, id, by)| Op::TopUp { slice, id, by }),
        8 => (slice.clone(), id.clone(), percent, source)
            .prop_map(|(slice, id, percent, source)| Op::Settle { slice, id, percent, source }),
        2 => (slice.clone(), id).prop_map(|(slice, id)| Op::Release { slice, id }),
        3 => slice.clone().prop_map(|slice| Op::Report { slice }),
        2 => (slice.clone(), any_amount()).prop_map(|(slice, amount)| Op::GiveBack { slice, amount }),
        1 => Just(Op::Recall),
        1 => slice.clone().prop_map(|slice| Op::Repeat { slice }),
        1 => any_amount().prop_map(|amount| Op::Direct { amount }),
        u32::from(wild) => slice.prop_map(|slice| Op::Die { slice }),
    ]
}

/// Home, its slices, and the ledger that would have done without slices.
struct World {
    now: u64,
    home: Ledger,
    slices: Vec<(HoldId, Slice)>,
    last: BTreeMap<HoldId, Report>,
    single: Ledger,
    leases: u32,
    /// All that was used, whoever paid.
    used: Amount,
    wild: bool,
}

impl World {
    fn new(wild: bool) -> Self {
        let mut home = Ledger::default();
        put(&mut home, "t", None, limits(1_000, 1_000, 40));
        put(&mut home, "a", Some("t"), limits(600, 600, 30));
        let mut world = Self {
            now: NOW.0,
            single: home.clone(),
            home,
            slices: Vec::new(),
            last: BTreeMap::new(),
            leases: 0,
            used: Amount::ZERO,
            wild,
        };
        for _ in 0..SLICES {
            let slice = world.open();
            world.slices.push(slice);
        }
        world
    }

    /// A lease of nothing, to be extended.
    fn open(&mut self) -> (HoldId, Slice) {
        self.leases += 1;
        let id = hold_id(&format!("lease{}", self.leases));
        let lease = Hold {
            calls: 0,
            ..Hold::request(account_id("a"), Amount::ZERO, expiry(self.now))
        };
        let record = self
            .home
            .propose_hold(UnixMillis(self.now), &id, lease.clone())
            .unwrap();
        commit(&mut self.home, &record);
        (id, Slice::new(lease))
    }

    fn take(&mut self, slice: usize, id: u8, amount: Amount) {
        let hold = hold_id(&format!("{slice}.{id}"));
        let (now, until) = (UnixMillis(self.now), expiry(self.now));
        for _ in 0..2 {
            let (lease, holder) = &mut self.slices[slice];
            match holder.take(&hold, amount, until) {
                Ok(()) => {
                    let request = Hold::request(account_id("a"), amount, until);
                    match self.single.propose_hold(now, &hold, request) {
                        Ok(record) => commit(&mut self.single, &record),
                        // without slices more of what was used beyond holds would have found room
                        Err(refusal) => assert!(self.wild, "{refusal}"),
                    }
                    return;
                }
                Err(Short::Lacking { lacking, calls }) => {
                    let left = self.home.remaining(&account_id("a")).unwrap();
                    let by = grant(left, lacking, super::amount(80, 80));
                    let Ok(record) = self.home.propose_extend(lease, by, calls, until) else {
                        return;
                    };
                    commit(&mut self.home, &record);
                    holder.extend(by, calls);
                }
                Err(Short::Reused { .. } | Short::NotLive(_)) => return,
            }
        }
        panic!("a grant covers what was lacking");
    }

    fn deliver(&mut self, slice: usize, report: Report) {
        let (lease, _) = &self.slices[slice];
        let record = self
            .home
            .propose_report(UnixMillis(self.now), lease, report)
            .unwrap();
        commit(&mut self.home, &record);
        self.last.insert(lease.clone(), report);
    }

    fn give_back(&mut self, slice: usize, amount: Amount) {
        let calls = self.slices[slice].1.free_calls();
        let report = self.slices[slice].1.give_back(amount, calls);
        self.deliver(slice, report);
    }

    fn end(&mut self, slice: usize, id: u8, used: Option<(u64, UsageSource)>) {
        let hold = hold_id(&format!("{slice}.{id}"));
        let Some(held) = self.slices[slice].1.hold(&hold).map(|hold| hold.amount) else {
            return;
        };
        let now = UnixMillis(self.now);
        let holder = &mut self.slices[slice].1;
        match used {
            None => {
                holder.release(&hold).unwrap();
                if let Ok(record) = self.single.propose_release(&hold) {
                    commit(&mut self.single, &record);
                }
            }
            Some((percent, source)) => {
                let actual = amount(held.tokens * percent / 100, held.usd_micros * percent / 100);
                holder.settle(&hold, actual, source).unwrap();
                let charged = if source == UsageSource::Unknown {
                    held
                } else {
                    actual
                };
                self.used = self.used.plus(charged);
                if let Ok(record) = self.single.propose_settle(now, &hold, actual, source) {
                    commit(&mut self.single, &record);
                }
            }
        }
    }

    fn run(&mut self, op: &Op) {
        self.now += 1;
        match *op {
            Op::Take { slice, id, amount } => self.take(slice, id, amount),
            Op::TopUp { slice, id, by } => {
                let hold = hold_id(&format!("{slice}.{id}"));
                if self.slices[slice].1.top_up(&hold, by).is_ok()
                    && let Ok(record) = self.single.propose_extend(&hold, by, 0, UnixMillis(0))
                {
                    commit(&mut self.single, &record);
                }
            }
            Op::Settle {
                slice,
                id,
                percent,
                source,
            } => self.end(slice, id, Some((percent, source))),
            Op::Release { slice, id } => self.end(slice, id, None),
            Op::Report { slice } => {
                if let Some(report) = self.slices[slice].1.report() {
                    self.deliver(slice, report);
                }
            }
            Op::GiveBack { slice, amount } => self.give_back(slice, amount),
            Op::Recall => self.recall(),
            Op::Repeat { slice } => {
                let (lease, _) = &self.slices[slice];
                if let Some(report) = self.last.get(lease) {
                    assert!(
                        self.home
                            .propose_report(UnixMillis(self.now), lease, *report)
                            .is_err()
                    );
                }
            }
            Op::Direct { amount } => {
                let now = UnixMillis(self.now);
                let id = hold_id(&format!("direct{}", self.now));
                let request = Hold::request(account_id("t"), amount, expiry(self.now));
                let Ok(record) = self.home.propose_hold(now, &id, request.clone()) else {
                    return;
                };
                let also = self.single.propose_hold(now, &id, request);
                // Where calls overrun, the two may have room at different times.
                assert!(self.wild || also.is_ok());
                let with = [
                    Some((&mut self.home, record)),
                    also.ok().map(|also| (&mut self.single, also)),
                ];
                for (ledger, record) in with.into_iter().flatten() {
                    commit(ledger, &record);
                    let record = ledger
                        .propose_settle(now, &id, amount, UsageSource::Reported)
                        .unwrap();
                    commit(ledger, &record);
                }
            }
            Op::Die { slice } => {
                let (lease, _) = self.slices[slice].clone();
                self.now += 2 * LIFE;
                for other in (0..SLICES).filter(|&other| other != slice) {
                    // the others are alive and have theirs renewed
                    let (lease, _) = &self.slices[other];
                    let record = self
                        .home
                        .propose_extend(lease, Amount::ZERO, 0, expiry(self.now))
                        .unwrap();
                    commit(&mut self.home, &record);
                }
                for record in self
                    .home
                    .propose_expired(UnixMillis(self.now), usize::MAX, |_| None)
                {
                    commit(&mut self.home, &record);
                }
                assert!(self.home.hold(&lease).is_none());
                self.slices[slice] = self.open();
            }
        }
    }

    fn recall(&mut self) {
        for slice in 0..SLICES {
            self.give_back(slice, amount(u64::MAX, u64::MAX));
        }
    }

    /// Every call ends, everything is given back.
    fn close(&mut self) {
        for slice in 0..SLICES {
            for id in 0..30 {
                self.end(slice, id, Some((50, UsageSource::Reported)));
            }
        }
        self.recall();
    }

    fn balance(ledger: &Ledger, id: &str) -> Balance {
        ledger.account(&account_id(id)).unwrap().balance()
    }
}

proptest! {
    /// `commit` checks after every record that no limit is exceeded, and `take` that the single ledger admits it too.
    #[test]
    fn once_everything_is_given_back_slices_leave_the_ledger_that_one_would_be(
        ops in prop::collection::vec(any_op(false), 1..120),
    ) {
        let mut world = World::new(false);
        for op in &ops {
            world.run(op);
        }
        world.close();
        for account in ["a", "t"] {
            prop_assert_eq!(
                World::balance(&world.home, account),
                World::balance(&world.single, account)
            );
        }
    }

    #[test]
    fn calls_that_overrun_and_holders_that_die_never_exceed_a_limit(
        ops in prop::collection::vec(any_op(true), 1..120),
    ) {
        let mut world = World::new(true);
        for op in &ops {
            world.run(op);
        }
        world.close();
        let balance = World::balance(&world.home, "a");
        prop_assert_eq!(balance.held, Amount::ZERO);
        prop_assert_eq!(balance.in_flight, 0);
        let total = balance.settled.plus(balance.overrun);
        if ops.iter().any(|op| matches!(op, Op::Die { .. })) {
            return Ok(());
        }
        prop_assert_eq!(total, world.used, "what was used is settled or overrun");
    }
}
