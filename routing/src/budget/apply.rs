//! Makes changes that were decided. Live use and replay both come through here.

use atp_protocol::adapter::UsageSource;
use atp_protocol::ids::AccountId;
use atp_protocol::units::{Amount, UnixMillis};

use super::account::Charge;
use super::{Account, Hold, HoldId, Ledger, Limits, Record, Report};

/// What a record did.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Whether anything changed. A record about an id that is not there changes nothing.
    pub had_effect: bool,
    /// What was charged to the hold's account within its limit.
    pub charged: Amount,
    /// What was used beyond it.
    pub overrun: Amount,
    /// Whether every account touched is within its limits. `false` is a defect to be counted and reported: debug builds
    /// panic instead.
    pub keeps_limits: bool,
}

impl Applied {
    const NOTHING: Self = Self {
        had_effect: false,
        charged: Amount::ZERO,
        overrun: Amount::ZERO,
        keeps_limits: true,
    };

    const CHANGED: Self = Self {
        had_effect: true,
        ..Self::NOTHING
    };
}

impl Ledger {
    /// Makes one change. Total: a record that does not fit the state has no effect.
    pub fn apply(&mut self, record: &Record) -> Applied {
        let (applied, touched) = match record {
            Record::Account { id, parent, limits } => {
                (self.put(id, parent.as_ref(), *limits), Some(id.clone()))
            }
            Record::Closed { id } => (self.close(id), None),
            Record::Held { id, hold } => (self.reserve(id, hold), Some(hold.account.clone())),
            Record::Extended {
                id,
                by,
                calls,
                expires_at,
            } => self.on_hold(id, |ledger, hold| {
                ledger.extend(id, hold, *by, *calls, *expires_at)
            }),
            Record::Reported { id, report, .. } => {
                self.on_hold(id, |ledger, hold| ledger.report(id, hold, *report))
            }
            Record::Settled {
                id, actual, source, ..
            } => self.on_hold(id, |ledger, hold| {
                let unknown = match source {
                    UsageSource::Unknown => *actual,
                    UsageSource::Reported | UsageSource::Estimated => Amount::ZERO,
                };
                ledger.settle(id, hold, *actual, unknown)
            }),
            Record::SettledPartly {
                id, actual, unknown, ..
            } => self.on_hold(id, |ledger, hold| ledger.settle(id, hold, *actual, *unknown)),
            Record::Released { id } => self.on_hold(id, |ledger, hold| ledger.release(id, hold)),
            Record::Balance {
                account,
                settled,
                overrun,
                unknown,
            } => (
                self.restore(account, *settled, *overrun, *unknown),
                Some(account.clone()),
            ),
            Record::Ended { ids } => (self.remember(ids), None),
            Record::Explained {
                account,
                known,
                beyond,
                ..
            } => (self.explain(account, *known, *beyond), Some(account.clone())),
        };
        let keeps_limits =
            touched.is_none_or(|id| self.chain(&id).all(|(_, account)| account.is_within_limits()));
        debug_assert!(keeps_limits, "an account exceeds its limit after {record:?}");
        Applied {
            keeps_limits,
            ..applied
        }
    }

    fn on_hold(
        &mut self,
        id: &HoldId,
        change: impl FnOnce(&mut Self, Hold) -> Applied,
    ) -> (Applied, Option<AccountId>) {
        match self.holds.get(id).cloned() {
            Some(hold) => {
                let account = hold.account.clone();
                (change(self, hold), Some(account))
            }
            None => (Applied::NOTHING, None),
        }
    }

    fn put(&mut self, id: &AccountId, parent: Option<&AccountId>, limits: Limits) -> Applied {
        if let Some(account) = self.accounts.get_mut(id) {
            account.limits = limits;
            account.collect();
            return Applied::CHANGED;
        }
        if let Some(parent) = parent {
            match self.accounts.get_mut(parent) {
                Some(parent) => parent.children = parent.children.saturating_add(1),
                None => return Applied::NOTHING,
            }
        }
        self.accounts
            .insert(id.clone(), Account::new(parent.cloned(), limits));
        Applied::CHANGED
    }

    fn close(&mut self, id: &AccountId) -> Applied {
        let Some(account) = self.accounts.remove(id) else {
            return Applied::NOTHING;
        };
        if let Some(parent) = account.parent.and_then(|parent| self.accounts.get_mut(&parent)) {
            parent.children = parent.children.saturating_sub(1);
        }
        Applied::CHANGED
    }

    fn reserve(&mut self, id: &HoldId, hold: &Hold) -> Applied {
        if self.holds.get(id).is_some() || !self.accounts.contains_key(&hold.account) {
            return Applied::NOTHING;
        }
        self.on_chain(&hold.account, |account| account.reserve(hold.amount, hold.calls));
        self.holds.insert(id.clone(), hold.clone());
        Applied::CHANGED
    }

    fn extend(&mut self, id: &HoldId, hold: Hold, by: Amount, calls: u32, expires_at: UnixMillis) -> Applied {
        self.on_chain(&hold.account, |account| account.reserve(by, calls));
        self.holds.update(id, |hold| {
            hold.amount = hold.amount.plus(by);
            hold.calls = hold.calls.saturating_add(calls);
            hold.expires_at = hold.expires_at.max(expires_at);
        });
        Applied::CHANGED
    }

    fn report(&mut self, id: &HoldId, hold: Hold, report: Report) -> Applied {
        if report.number != hold.reports + 1 {
            return Applied::NOTHING;
        }
        let spent = report.spent.min(hold.amount);
        let returned = report.returned.min(hold.amount.minus(spent));
        let freed = spent.plus(returned);
        let calls = report.calls.min(hold.calls);
        self.holds.update(id, |hold| {
            hold.amount = hold.amount.minus(freed);
            hold.calls -= calls;
            hold.reports = report.number;
        });
        let actual = report.spent.plus(report.beyond);
        self.charge(
            &hold.account,
            Charge {
                freed,
                calls,
                actual,
                unknown: report.unknown.min(actual),
            },
        )
    }

    fn settle(&mut self, id: &HoldId, hold: Hold, actual: Amount, unknown: Amount) -> Applied {
        self.holds.end(id);
        self.charge(
            &hold.account,
            Charge {
                freed: hold.amount,
                calls: hold.calls,
                actual,
                unknown: unknown.min(actual),
            },
        )
    }

    fn explain(&mut self, account: &AccountId, known: Amount, beyond: Amount) -> Applied {
        if !self.accounts.contains_key(account) {
            return Applied::NOTHING;
        }
        self.on_chain(account, |account| {
            account.balance.unknown = account.balance.unknown.minus(known);
        });
        self.charge(
            account,
            Charge {
                freed: Amount::ZERO,
                calls: 0,
                actual: beyond,
                unknown: Amount::ZERO,
            },
        )
    }

    fn release(&mut self, id: &HoldId, hold: Hold) -> Applied {
        self.holds.end(id);
        self.on_chain(&hold.account, |account| account.free(hold.amount, hold.calls));
        Applied::CHANGED
    }

    fn restore(&mut self, account: &AccountId, settled: Amount, overrun: Amount, unknown: Amount) -> Applied {
        let Some(account) = self.accounts.get_mut(account) else {
            return Applied::NOTHING;
        };
        account.balance.settled = settled;
        account.balance.overrun = overrun;
        account.balance.unknown = unknown;
        Applied::CHANGED
    }

    fn remember(&mut self, ids: &[HoldId]) -> Applied {
        for id in ids {
            self.holds.remember(id.clone());
        }
        Applied::CHANGED
    }

    /// Charges every level by itself: what the account has no room for is still charged to its parent if that has some
    /// (atp.md 17.3, settle).
    fn charge(&mut self, account: &AccountId, charge: Charge) -> Applied {
        let mut own_overrun = None;
        self.on_chain(account, |account| {
            let overrun = account.charge(charge);
            own_overrun.get_or_insert(overrun);
        });
        let overrun = own_overrun.unwrap_or_default();
        Applied {
            charged: charge.actual.minus(overrun),
            overrun,
            ..Applied::CHANGED
        }
    }

    fn on_chain(&mut self, id: &AccountId, mut change: impl FnMut(&mut Account)) {
        let mut next = Some(id.clone());
        while let Some(account) = next.and_then(|id| self.accounts.get_mut(&id)) {
            change(account);
            next = account.parent.clone();
        }
    }
}
