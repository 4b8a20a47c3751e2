//! Circuit breakers: an endpoint that keeps failing is left alone for a while (atp.md section 23).
//!
//! [`Breaker::allow`] asks before a call and hands out a [`Permit`]; [`Breaker::record`] takes it back with the outcome.
//! Outcomes of calls admitted before the last change of state say nothing about the present one and are ignored.
//!
//! At the bounds: half open, as many probes are outstanding as successes are needed, others are refused; a probe whose
//! outcome is not reported within the reset timeout no longer counts; the reset timeout grows up to its maximum.

mod machine;
mod outcome;

#[cfg(test)]
mod tests;

pub use machine::{Breaker, Permit, Settings, State};
pub use outcome::{Cause, Outcome, Rejection, Trip};
