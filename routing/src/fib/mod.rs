//! Who can be asked: RIB and registered adapters in, an immutable table of candidates out (routing.md 3.2).
//!
//! The RIB is the policy document's tables of models, agents and personas; [`Registered`] is what adapters declared and
//! report. [`Fib::build`] joins them and [`Fib::lookup`] finds candidates by any name a request or policy may use.
//! Facts that change faster than the table is rebuilt (breakers, windows, measured latency) are not here: the planner
//! asks for them per candidate.
//!
//! Bounds: 256 candidates under one name and 65 536 in all; the best by a score that no request influences are kept,
//! the rest is counted.

mod arrange;
mod candidate;
mod expand;
mod registered;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use candidate::holds;
pub(crate) use table::Slot;

pub use arrange::TABLE_MAX;
pub use candidate::Candidate;
pub use registered::{Liveness, Registered, Unroutable};
pub use table::{CANDIDATES_MAX, Fib};
