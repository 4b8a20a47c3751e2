//! Makes changes that were decided. Live use and replay both come through here.

use atp_protocol::ids::AccountId;

use super::state::Lease;
use super::{Record, Spender};
use crate::budget::Slice;
use crate::budget::home::LeaseState;

impl Spender {
    /// Makes one change. Total: a record that does not fit the state has no effect. Returns whether it had one.
    pub fn apply(&mut self, record: &Record) -> bool {
        match record {
            Record::Opened { account, lease } => self.lease(account, Lease::new(account, lease.clone())),
            Record::Known { account, state } => self.on_lease(account, |lease| lease.learn(*state)),
            Record::Held {
                account,
                id,
                amount,
                expires_at,
            } => {
                let is_new = self.on_slice(account, |slice| slice.insert(id, *amount, *expires_at));
                self.holds += usize::from(is_new);
                is_new
            }
            Record::Extended {
                account,
                id,
                by,
                expires_at,
            } => self.on_slice(account, |slice| {
                slice.add(id, *by, *expires_at);
                slice.hold(id).is_some()
            }),
            Record::Settled {
                account,
                id,
                actual,
                unknown,
            } => self.end(account, |slice| slice.charge(id, *actual, *unknown).is_ok()),
            Record::Released { account, id } => self.end(account, |slice| slice.release(id).is_ok()),
            Record::Reported { account, report } => self.on_lease(account, |lease| {
                lease.slice.said(report);
                lease.sent = Some(*report);
                true
            }),
            Record::Closed { account } => self.lose(account),
            Record::Leased {
                account,
                lease,
                known,
                pending,
                sent,
                ended,
            } => {
                let mut restored = Lease::new(account, lease.clone());
                (restored.known, restored.sent) = (*known, *sent);
                restored.resize();
                restored.slice.restore(*pending);
                for id in ended {
                    restored.slice.remember(id.clone());
                }
                self.lease(account, restored)
            }
        }
    }

    fn on_lease(&mut self, account: &AccountId, change: impl FnOnce(&mut Lease) -> bool) -> bool {
        let lease = self
            .accounts
            .get_mut(account)
            .and_then(|place| place.lease.as_mut());
        lease.is_some_and(change)
    }

    fn on_slice(&mut self, account: &AccountId, change: impl FnOnce(&mut Slice) -> bool) -> bool {
        self.on_lease(account, |lease| change(&mut lease.slice))
    }

    fn end(&mut self, account: &AccountId, change: impl FnOnce(&mut Slice) -> bool) -> bool {
        let had_effect = self.on_slice(account, change);
        self.holds -= usize::from(had_effect);
        had_effect
    }

    /// What ran under the lease is not counted here any more: home has charged it whole.
    fn lose(&mut self, account: &AccountId) -> bool {
        let Some(place) = self.accounts.get_mut(account) else {
            return false;
        };
        let Some(lease) = place.lease.take() else {
            return false;
        };
        self.by_lease.remove(&lease.id);
        self.holds -= lease.slice.holds().count();
        if place.desk.waiting.is_empty() {
            self.accounts.remove(account);
        }
        true
    }

    fn lease(&mut self, account: &AccountId, lease: Lease) -> bool {
        self.by_lease.insert(lease.id.clone(), account.clone());
        self.accounts.entry(account.clone()).or_default().lease = Some(lease);
        true
    }
}

impl Lease {
    /// Whether home says something that is not known yet.
    pub(super) fn is_news(&self, state: LeaseState) -> bool {
        self.merged(state) != self.known
    }

    /// The later of two states: with the more reports taken; with equally many, a lease only grows.
    fn merged(&self, state: LeaseState) -> LeaseState {
        match state.reports.cmp(&self.known.reports) {
            std::cmp::Ordering::Less => self.known,
            std::cmp::Ordering::Greater => state,
            std::cmp::Ordering::Equal => LeaseState {
                asks: self.known.asks.max(state.asks),
                reports: state.reports,
                amount: self.known.amount.max(state.amount),
                calls: self.known.calls.max(state.calls),
            },
        }
    }

    fn learn(&mut self, state: LeaseState) -> bool {
        self.known = self.merged(state);
        if self.sent.is_some_and(|sent| sent.number <= self.known.reports) {
            self.sent = None;
        }
        if self.known.reports > self.slice.reports() {
            // A power failure took the end of the journal: home has a report that says all that is pending here.
            self.slice.restore(crate::budget::Report {
                number: self.known.reports,
                ..Default::default()
            });
        }
        self.resize();
        true
    }
}
