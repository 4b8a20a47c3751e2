//! Whether a history of concurrent operations is linearizable: whether each can have happened at one instant between its
//! call and its return, in an order that a sequential [`Model`] allows.
//!
//! An operation without a return is *unknown*: it may have happened at any instant after its call, or never.
//! The search is Wing and Gong's with Lowe's memo of (what has happened, state). It is our own: of the crates, stateright's
//! tester keeps no memo, and neither it nor todc-utils (unmaintained since 2023) lets an operation have happened never. Histories of
//! independent objects are checked one by one, because the cost grows with what is concurrent.

mod ledger;
mod register;
mod search;
#[cfg(test)]
mod tests;

use std::hash::Hash;
use std::time::Duration;

pub use ledger::{Ledger, LedgerOp};
pub use register::{Register, RegisterOp};
pub use search::{Verdict, check};

/// An object as it is without concurrency.
pub trait Model {
    /// Everything that decides later answers.
    type State: Clone + Eq + Hash;
    /// An operation with what it answered; with no answer, any answer is allowed.
    type Op;

    /// Before the first operation.
    fn initial(&self) -> Self::State;

    /// The state after `op`; `None` when the object would have answered otherwise.
    fn step(&self, state: &Self::State, op: &Self::Op) -> Option<Self::State>;
}

/// One operation of a history.
#[derive(Debug, Clone)]
pub struct Operation<O> {
    /// What was asked and answered.
    pub op: O,
    /// When it was asked, on any one clock.
    pub called: Duration,
    /// When the answer was there; `None` when whether it happened is unknown.
    pub returned: Option<Duration>,
}
