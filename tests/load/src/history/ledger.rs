//! A budget: holds are granted while there is room, and each is settled once.

use std::collections::{BTreeMap, BTreeSet};

use super::Model;

/// An account with a limit.
#[derive(Debug, Clone, Copy)]
pub struct Ledger {
    /// What may be settled and held at most, until it is set anew.
    pub limit: u64,
}

/// Where an account stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Balance {
    limit: u64,
    settled: u64,
    holds: BTreeMap<u64, u64>,
    done: BTreeSet<u64>,
}

/// What is done to an account. Answers are `None` when there was none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerOp {
    /// Sets the limit. It may fall below what is settled and held; then nothing is granted.
    Limit(u64),
    /// Asks to hold `amount` under `id`.
    Hold {
        /// Names the hold; never used for another.
        id: u64,
        /// What is held.
        amount: u64,
        /// Whether it was granted.
        granted: Option<bool>,
    },
    /// Charges `amount` of the hold `id` and gives the rest back.
    Settle {
        /// The hold.
        id: u64,
        /// What is charged, at most what is held.
        amount: u64,
        /// Whether this settlement counted; one of a hold that was settled before must not.
        counted: Option<bool>,
    },
    /// Read what is settled and held.
    Read {
        /// Sum of the settlements.
        settled: u64,
        /// Sum of the holds.
        held: u64,
    },
}

impl Balance {
    fn held(&self) -> u64 {
        self.holds.values().sum()
    }

    fn hold(mut self, id: u64, amount: u64, granted: Option<bool>) -> Option<Self> {
        let has_room = self.settled + self.held() + amount <= self.limit;
        match granted {
            // A refusal for want of something else than room is allowed; it is too much that is not.
            Some(false) => Some(self),
            Some(true) | None => has_room.then(|| {
                self.holds.insert(id, amount);
                self
            }),
        }
    }

    fn settle(mut self, id: u64, amount: u64, counted: Option<bool>) -> Option<Self> {
        let counts = match self.holds.get(&id) {
            Some(held) if amount > *held => return None,
            Some(_) => true,
            None => false,
        };
        if counted.is_some_and(|counted| counted != counts) {
            return None;
        }
        if counts {
            self.holds.remove(&id);
            self.done.insert(id);
            self.settled += amount;
        }
        Some(self)
    }
}

impl Model for Ledger {
    type State = Balance;
    type Op = LedgerOp;

    fn initial(&self) -> Balance {
        Balance {
            limit: self.limit,
            settled: 0,
            holds: BTreeMap::new(),
            done: BTreeSet::new(),
        }
    }

    fn step(&self, state: &Balance, op: &LedgerOp) -> Option<Balance> {
        let state = state.clone();
        match op {
            LedgerOp::Limit(limit) => Some(Balance {
                limit: *limit,
                ..state
            }),
            LedgerOp::Hold { id, .. } if state.holds.contains_key(id) || state.done.contains(id) => None,
            LedgerOp::Hold { id, amount, granted } => state.hold(*id, *amount, *granted),
            LedgerOp::Settle { id, amount, counted } => state.settle(*id, *amount, *counted),
            LedgerOp::Read { settled, held } => {
                (*settled == state.settled && *held == state.held()).then_some(state)
            }
        }
    }
}
