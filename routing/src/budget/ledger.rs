//! The ledger: state, queries, and the law it keeps.

use std::collections::BTreeMap;

use atp_protocol::ids::AccountId;
use atp_protocol::units::{Amount, UnixMillis};

use super::ended::Ended;
use super::hold::Holds;
use super::{Account, Component, Hold, HoldId, Refusal};

/// How large a ledger may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Accounts; one more is refused.
    pub accounts: usize,
    /// Levels of the tree; a deeper account is refused.
    pub depth: usize,
    /// Live holds; one more is refused.
    pub holds: usize,
    /// Ids of ended holds remembered; beyond that the oldest is forgotten.
    pub ended: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            accounts: 100_000,
            depth: 8,
            holds: 100_000,
            ended: 65_536,
        }
    }
}

/// Accounts and live holds. See the module for the law it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    pub(super) bounds: Bounds,
    pub(super) accounts: BTreeMap<AccountId, Account>,
    pub(super) holds: Holds,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new(Bounds::default())
    }
}

impl Ledger {
    /// An empty ledger.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            accounts: BTreeMap::new(),
            holds: Holds::new(Ended::new(bounds.ended)),
        }
    }

    /// One account.
    #[must_use]
    pub fn account(&self, id: &AccountId) -> Option<&Account> {
        self.accounts.get(id)
    }

    /// All accounts, in the order of their ids.
    pub fn accounts(&self) -> impl Iterator<Item = (&AccountId, &Account)> {
        self.accounts.iter()
    }

    /// One live hold.
    #[must_use]
    pub fn hold(&self, id: &HoldId) -> Option<&Hold> {
        self.holds.get(id)
    }

    /// All live holds, in the order of their ids.
    pub fn holds(&self) -> impl Iterator<Item = (&HoldId, &Hold)> {
        self.holds.iter()
    }

    /// Whether an account is another one, or below it.
    #[must_use]
    pub fn is_within(&self, account: &AccountId, ancestor: &AccountId) -> bool {
        self.chain(account).any(|(id, _)| id == ancestor)
    }

    /// How many holds are live.
    #[must_use]
    pub fn live_holds(&self) -> usize {
        self.holds.len()
    }

    /// When [`Self::propose_expired`] has something to say next.
    #[must_use]
    pub fn next_expiry(&self) -> Option<UnixMillis> {
        self.holds.next_expiry()
    }

    /// What could still be held against an account: the least room on the way to its root.
    #[must_use]
    pub fn remaining(&self, account: &AccountId) -> Option<Amount> {
        self.chain(account)
            .map(|(_, account)| account.room())
            .reduce(Amount::min)
    }

    /// Whether a call would be admitted: equality fits (atp.md 16.1, 17.3).
    ///
    /// # Errors
    /// [`Refusal::UnknownAccount`]; [`Refusal::NeverFits`] when it would be too large even with every live hold released;
    /// else [`Refusal::NoRoom`]. Either names the first component that is short at any level, and among levels short of the
    /// same component the one nearest to `account`.
    pub fn preflight(&self, account: &AccountId, amount: Amount, calls: u32) -> Result<(), Refusal> {
        if !self.accounts.contains_key(account) {
            return Err(Refusal::UnknownAccount {
                account: account.clone(),
            });
        }
        let Some((short, component)) = self.short(account, amount, calls, Account::remaining) else {
            return Ok(());
        };
        let wanted = |component: Component| component.of(calls, amount);
        Err(
            match self.short(account, amount, calls, Account::remaining_at_best) {
                Some((short, component)) => Refusal::NeverFits {
                    account: short.clone(),
                    component,
                    wanted: wanted(component),
                    remaining: self.accounts[short].remaining_at_best(component),
                    limit: self.accounts[short].limit(component),
                },
                None => Refusal::NoRoom {
                    account: short.clone(),
                    component,
                    wanted: wanted(component),
                    remaining: self.accounts[short].remaining(component),
                },
            },
        )
    }

    /// Who has too little `remaining` for a call, and of what.
    fn short(
        &self,
        account: &AccountId,
        amount: Amount,
        calls: u32,
        remaining: impl Fn(&Account, Component) -> u64,
    ) -> Option<(&AccountId, Component)> {
        Component::ALL.into_iter().find_map(|component| {
            let wanted = component.of(calls, amount);
            let mut chain = self.chain(account);
            let (short, _) = chain.find(|(_, account)| remaining(account, component) < wanted)?;
            Some((short, component))
        })
    }

    /// The account and its ancestors, up to the root. Empty for an unknown account.
    pub(super) fn chain<'a>(&'a self, id: &AccountId) -> impl Iterator<Item = (&'a AccountId, &'a Account)> {
        std::iter::successors(self.accounts.get_key_value(id), |(_, account)| {
            self.accounts.get_key_value(account.parent.as_ref()?)
        })
    }

    /// Whether every account is within its limits and counts exactly the live holds below it.
    ///
    /// Walks everything: for tests, simulation and the start of a node. `apply` checks the accounts it touched.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let mut held: BTreeMap<&AccountId, (Amount, u32)> = BTreeMap::new();
        for (_, hold) in self.holds.iter() {
            for (id, _) in self.chain(&hold.account) {
                let (amount, calls) = held.entry(id).or_default();
                *amount = amount.plus(hold.amount);
                *calls = calls.saturating_add(hold.calls);
            }
        }
        self.accounts.iter().all(|(id, account)| {
            let (amount, calls) = held.get(id).copied().unwrap_or_default();
            account.is_within_limits() && account.balance.held == amount && account.balance.in_flight == calls
        })
    }
}
