//! Restarting actors that ended against our will.
//!
//! Actix closes the mailbox of an actor whose handler panicked and tells nobody, so the holder of an address looks:
//! [`Supervised`] keeps the factory beside the address, restarts within a [`RestartBudget`], and [`watch`] looks at those
//! nobody is calling. Siblings are separate tasks and notice nothing.

mod budget;
mod supervised;

pub use budget::{RestartBudget, Verdict};
pub use supervised::{GaveUp, Supervised, Watched, watch};
