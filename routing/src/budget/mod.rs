//! Budgets as values: who may spend how much, what is reserved, what was spent (atp.md 16.1, 17.3, 17.5).
//!
//! [`Ledger`] is the tree of accounts (tenant ⊃ project ⊃ session) with its live [`Hold`]s. A change is decided by a
//! `propose_*` method, which reads and returns a [`Record`] or the reason against it, and made by [`Ledger::apply`], which
//! live use and replay share: the same records give the same ledger, byte for byte. The caller appends the record to its
//! journal between the two, or after both, as its durability needs.
//!
//! At every instant and every level `settled + held ≤ limit`. What a call used beyond its hold is settled as far as there
//! is room and counted as overrun beyond that, which is charged before anybody else is given room that comes.
//!
//! A [`Slice`] is a part of an account that one thread or node spends from without asking. [`Spending`] judges a call that
//! is still running, [`ToolCaps`] the tools it uses; [`BurnRate`] and [`SpikeGuard`] watch how fast money goes.
//!
//! At the bounds: accounts, depth of the tree and live holds over [`Bounds`] are refused; of ended holds the oldest ids are
//! forgotten; sums saturate.

mod account;
mod apply;
mod burn;
mod ended;
mod hold;
pub mod home;
mod lease;
mod ledger;
mod limits;
mod propose;
mod record;
mod refusal;
mod snapshot;
pub mod spender;
mod spending;
mod spike;
mod tools;

#[cfg(test)]
mod tests;

pub use account::{Account, Balance};
pub use apply::Applied;
pub use burn::BurnRate;
pub use hold::{Hold, HoldId, Report};
pub use lease::{Demand, Short, Slice, grant};
pub use ledger::{Bounds, Ledger};
pub use limits::{Component, Limits};
pub use record::{Record, RecordError};
pub use refusal::{AccountError, NotLive, Refusal, ReportError};
pub use spending::Spending;
pub use spike::{Rate, SpikeGuard, SpikeSettings};
pub use tools::{ToolCap, ToolCaps, ToolRefusal};
