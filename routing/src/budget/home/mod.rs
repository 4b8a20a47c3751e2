//! Leases as home has them: how they are asked for, reported on and ended (docs/adr/0012).
//!
//! A lease is a [`Hold`](super::Hold) in the [`Ledger`](super::Ledger) that never expires: what its holder has not reported
//! stays reserved, whoever lives. Everything said about it is safe to say twice, late, or in another order:
//!
//! - a [`Statement`] carries a numbered report, which is taken once;
//! - every answer carries the whole [`LeaseState`]. For a number of reports taken a lease only grows, so that the holder
//!   tells the later of two answers from the earlier;
//! - a [`Grant`] taken twice leases more than was asked for, of which the holder learns with the next answer. Its number lets
//!   home spare that.
//!
//! At the bounds: what the account has no room for is refused; a lease counts as one of the ledger's holds.

mod decide;
mod messages;

pub use messages::{Acknowledged, Grant, Granted, HomeRefusal, LeaseState, Share, Statement};
