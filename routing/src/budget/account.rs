//! One account: its limits, and what was spent and is reserved in its subtree.

use atp_protocol::ids::AccountId;
use atp_protocol::units::Amount;
use serde::{Deserialize, Serialize};

use super::{Component, Limits};

/// What an account and everything below it has spent and reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Balance {
    /// Spent, within the limit.
    pub settled: Amount,
    /// Reserved by live holds.
    pub held: Amount,
    /// Calls of live holds.
    pub in_flight: u32,
    /// Spent beyond the limit: calls that used more than they held when no room was left. Saturates.
    pub overrun: Amount,
    /// The part of `settled` that was charged without knowing what was used.
    pub unknown: Amount,
}

/// An account of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub(super) parent: Option<AccountId>,
    pub(super) limits: Limits,
    pub(super) balance: Balance,
    pub(super) children: u32,
}

/// A charge on its way up the tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge {
    /// Reservation that ends with it.
    pub(super) freed: Amount,
    /// Calls that end with it.
    pub(super) calls: u32,
    /// What was used.
    pub(super) actual: Amount,
    /// The part of `actual` that is a guess.
    pub(super) unknown: Amount,
}

impl Account {
    pub(super) fn new(parent: Option<AccountId>, limits: Limits) -> Self {
        Self {
            parent,
            limits,
            balance: Balance::default(),
            children: 0,
        }
    }

    /// The account this one is part of; a root has none.
    #[must_use]
    pub fn parent(&self) -> Option<&AccountId> {
        self.parent.as_ref()
    }

    /// Its own limits; its ancestors' apply too.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Accounts directly below it.
    #[must_use]
    pub const fn children(&self) -> u32 {
        self.children
    }

    /// What it has spent and reserved.
    #[must_use]
    pub const fn balance(&self) -> Balance {
        self.balance
    }

    /// What could still be held against this account alone.
    #[must_use]
    pub fn room(&self) -> Amount {
        self.limits.amount().minus(self.in_use())
    }

    /// Settled and held together; below every limit by construction, so the sum does not saturate.
    #[must_use]
    pub const fn in_use(&self) -> Amount {
        self.balance.settled.plus(self.balance.held)
    }

    /// What is left of one component, against this account alone.
    #[must_use]
    pub fn remaining(&self, component: Component) -> u64 {
        let calls = self.limits.parallel().saturating_sub(self.balance.in_flight);
        component.of(calls, self.room())
    }

    /// Most there can ever be of one component, settled spending included.
    pub(super) fn limit(&self, component: Component) -> u64 {
        component.of(self.limits.parallel(), self.limits.amount())
    }

    /// What would be left of one component if every live hold were released, and the overrun charged.
    pub(super) fn remaining_at_best(&self, component: Component) -> u64 {
        component.of(
            self.limits.parallel(),
            self.limits
                .amount()
                .minus(self.balance.settled)
                .minus(self.balance.overrun),
        )
    }

    /// Whether the law of the ledger holds here.
    pub(super) fn is_within_limits(&self) -> bool {
        let within =
            |settled: u64, held: u64, limit| settled.checked_add(held).is_some_and(|sum| sum <= limit);
        let Balance { settled, held, .. } = self.balance;
        let limit = self.limits.amount();
        within(settled.tokens, held.tokens, limit.tokens)
            && within(settled.usd_micros, held.usd_micros, limit.usd_micros)
    }

    pub(super) fn reserve(&mut self, amount: Amount, calls: u32) {
        self.balance.held = self.balance.held.plus(amount);
        self.balance.in_flight = self.balance.in_flight.saturating_add(calls);
    }

    pub(super) fn free(&mut self, amount: Amount, calls: u32) {
        self.unhold(amount, calls);
        self.collect();
    }

    fn unhold(&mut self, amount: Amount, calls: u32) {
        self.balance.held = self.balance.held.minus(amount);
        self.balance.in_flight = self.balance.in_flight.saturating_sub(calls);
    }

    /// Charges what was used beyond the room there was, as soon as there is some: nobody else may spend it first.
    pub(super) fn collect(&mut self) {
        let due = self.balance.overrun.min(self.room());
        self.balance.settled = self.balance.settled.plus(due);
        self.balance.overrun = self.balance.overrun.minus(due);
    }

    /// Turns a reservation into spending: within the room it leaves, the rest is overrun until there is room. Returns the
    /// overrun.
    pub(super) fn charge(&mut self, charge: Charge) -> Amount {
        self.unhold(charge.freed, charge.calls);
        let settled = charge.actual.min(self.room());
        let overrun = charge.actual.minus(settled);
        self.balance.settled = self.balance.settled.plus(settled);
        self.balance.overrun = self.balance.overrun.plus(overrun);
        self.balance.unknown = self.balance.unknown.plus(charge.unknown.min(settled));
        self.collect();
        overrun
    }
}
