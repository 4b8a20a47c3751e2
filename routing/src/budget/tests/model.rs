//! A ledger that keeps no sums: it adds up the live holds whenever it is asked.

use std::collections::BTreeSet;

use atp_protocol::adapter::UsageSource;
use proptest::prelude::*;

use super::*;
use crate::budget::{Balance, Bounds, Report};

/// Accounts by position, each with the position of its parent.
pub(super) const TREE: [(&str, Option<usize>); 5] = [
    ("t", None),
    ("p", Some(0)),
    ("q", Some(0)),
    ("s", Some(1)),
    ("u", Some(2)),
];

pub(super) const BOUNDS: Bounds = Bounds {
    accounts: 5,
    depth: 3,
    holds: 8,
    ended: 1_000,
};

#[derive(Debug, Clone)]
pub(super) enum Op {
    Limits {
        account: usize,
        limits: Limits,
    },
    Hold {
        id: u8,
        account: usize,
        amount: Amount,
        calls: u32,
        life: u64,
        dispatched: bool,
    },
    Extend {
        id: u8,
        by: Amount,
        life: u64,
    },
    /// A report of the number expected, plus `skew`.
    Report {
        id: u8,
        report: Report,
        skew: u64,
    },
    Settle {
        id: u8,
        actual: Amount,
        source: UsageSource,
    },
    Release {
        id: u8,
    },
    Expire {
        after: u64,
    },
}

fn any_amount() -> impl Strategy<Value = Amount> {
    (0_u64..60, 0_u64..60).prop_map(|(tokens, usd_micros)| amount(tokens, usd_micros))
}

pub(super) fn any_limits() -> impl Strategy<Value = Limits> {
    (
        proptest::option::weighted(0.8, 0_u64..200),
        proptest::option::weighted(0.8, 0_u64..200),
        proptest::option::weighted(0.5, 0_u32..6),
    )
        .prop_map(|(limit_tokens, limit_usd_micros, max_parallel)| Limits {
            limit_tokens,
            limit_usd_micros,
            max_parallel,
        })
}

fn any_report() -> impl Strategy<Value = Report> {
    let amounts = proptest::array::uniform4(any_amount());
    (amounts, 0_u32..3).prop_map(|([spent, beyond, unknown, returned], calls)| Report {
        number: 0,
        spent,
        beyond,
        unknown,
        returned,
        calls,
    })
}

pub(super) fn any_op() -> impl Strategy<Value = Op> {
    let account = 0..TREE.len();
    let id = 0_u8..12;
    let source = prop_oneof![
        Just(UsageSource::Reported),
        Just(UsageSource::Estimated),
        Just(UsageSource::Unknown)
    ];
    prop_oneof![
        1 => (account.clone(), any_limits()).prop_map(|(account, limits)| Op::Limits { account, limits }),
        6 => (id.clone(), account, any_amount(), 0_u32..3, 0_u64..50, any::<bool>()).prop_map(
            |(id, account, amount, calls, life, dispatched)| Op::Hold { id, account, amount, calls, life, dispatched }
        ),
        2 => (id.clone(), any_amount(), 0_u64..50).prop_map(|(id, by, life)| Op::Extend { id, by, life }),
        3 => (id.clone(), any_report(), prop_oneof![5 => Just(0_u64), 1 => 1_u64..3])
            .prop_map(|(id, report, skew)| Op::Report { id, report, skew }),
        4 => (id.clone(), any_amount(), source).prop_map(|(id, actual, source)| Op::Settle { id, actual, source }),
        1 => id.prop_map(|id| Op::Release { id }),
        1 => (0_u64..40).prop_map(|after| Op::Expire { after }),
    ]
}

pub(super) struct Live {
    id: u8,
    account: usize,
    amount: Amount,
    calls: u32,
    expires_at: u64,
    dispatched: bool,
}

pub(super) struct Model {
    pub(super) now: u64,
    pub(super) limits: [Limits; TREE.len()],
    pub(super) spent: [Balance; TREE.len()],
    pub(super) live: Vec<Live>,
    pub(super) ended: BTreeSet<u8>,
}

impl Model {
    fn chain(account: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(account), |&at| TREE[at].1)
    }

    pub(super) fn balance(&self, account: usize) -> Balance {
        let below = |hold: &&Live| Self::chain(hold.account).any(|at| at == account);
        Balance {
            held: self
                .live
                .iter()
                .filter(below)
                .fold(Amount::ZERO, |sum, hold| sum.plus(hold.amount)),
            in_flight: self.live.iter().filter(below).map(|hold| hold.calls).sum(),
            ..self.spent[account]
        }
    }

    fn room(&self, account: usize) -> Amount {
        let balance = self.balance(account);
        self.limits[account]
            .amount()
            .minus(balance.settled)
            .minus(balance.held)
    }

    pub(super) fn fits(&self, account: usize, amount: Amount, calls: u32) -> bool {
        Self::chain(account).all(|at| {
            let calls_fit = calls == 0 || self.balance(at).in_flight + calls <= self.limits[at].parallel();
            calls_fit && amount.fits(self.room(at))
        })
    }

    fn charge(&mut self, account: usize, actual: Amount, unknown: Amount) {
        for at in Self::chain(account) {
            let settled = actual.min(self.room(at));
            let spent = &mut self.spent[at];
            spent.settled = spent.settled.plus(settled);
            spent.overrun = spent.overrun.plus(actual.minus(settled));
            spent.unknown = spent.unknown.plus(unknown.min(settled));
        }
    }

    fn end(&mut self, id: u8) -> Option<Live> {
        let at = self.live.iter().position(|hold| hold.id == id)?;
        self.ended.insert(id);
        Some(self.live.swap_remove(at))
    }

    /// Whether the operation is accepted; if so it is done, and what was overrun takes the room there is.
    pub(super) fn run(&mut self, op: &Op) -> bool {
        let is_accepted = self.attempt(op);
        for at in 0..self.spent.len() {
            let due = self.spent[at].overrun.min(self.room(at));
            let spent = &mut self.spent[at];
            spent.settled = spent.settled.plus(due);
            spent.overrun = spent.overrun.minus(due);
        }
        is_accepted
    }

    fn attempt(&mut self, op: &Op) -> bool {
        match *op {
            Op::Limits { account, limits } => {
                let balance = self.balance(account);
                let fits = balance.settled.plus(balance.held).fits(limits.amount());
                if fits {
                    self.limits[account] = limits;
                }
                fits
            }
            Op::Hold {
                id,
                account,
                amount,
                calls,
                life,
                dispatched,
            } => {
                let is_fresh = !self.ended.contains(&id) && self.live.iter().all(|hold| hold.id != id);
                let fits = life > 0 && self.live.len() < BOUNDS.holds && self.fits(account, amount, calls);
                if is_fresh && fits {
                    let expires_at = self.now + life;
                    self.live.push(Live {
                        id,
                        account,
                        amount,
                        calls,
                        expires_at,
                        dispatched,
                    });
                }
                is_fresh && fits
            }
            Op::Extend { id, by, life } => {
                let Some(at) = self.live.iter().position(|hold| hold.id == id) else {
                    return false;
                };
                let fits = self.fits(self.live[at].account, by, 0);
                if fits {
                    let hold = &mut self.live[at];
                    hold.amount = hold.amount.plus(by);
                    hold.expires_at = hold.expires_at.max(self.now + life);
                }
                fits
            }
            Op::Report { id, report, skew } => {
                let Some(hold) = self.live.iter_mut().find(|hold| hold.id == id) else {
                    return false;
                };
                if skew != 0 {
                    return false;
                }
                hold.amount = hold.amount.minus(report.spent).minus(report.returned);
                hold.calls = hold.calls.saturating_sub(report.calls);
                let account = hold.account;
                let actual = report.spent.plus(report.beyond);
                self.charge(account, actual, report.unknown.min(actual));
                true
            }
            Op::Settle { id, actual, source } => {
                let Some(hold) = self.end(id) else { return false };
                match source {
                    UsageSource::Unknown => self.charge(hold.account, hold.amount, hold.amount),
                    UsageSource::Reported | UsageSource::Estimated => {
                        self.charge(hold.account, actual, Amount::ZERO);
                    }
                }
                true
            }
            Op::Release { id } => self.end(id).is_some(),
            Op::Expire { after } => {
                self.now += after;
                let mut due: Vec<(u64, u8)> =
                    self.live.iter().map(|hold| (hold.expires_at, hold.id)).collect();
                due.retain(|&(at, _)| at <= self.now);
                for (_, id) in &due {
                    let hold = self.end(*id).unwrap();
                    if hold.dispatched {
                        self.charge(hold.account, hold.amount, hold.amount);
                    }
                }
                !due.is_empty()
            }
        }
    }
}
