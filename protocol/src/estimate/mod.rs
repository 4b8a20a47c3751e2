//! What a call is expected to cost, the guard band over it, and how accurate estimates have been (atp.md 17.1, 17.2, 17.4,
//! 22.3).
//!
//! [`Estimate`] comes from the adapter or from [`Estimate::fallback`]; [`Estimate::guarded`] is what is reserved;
//! [`UsageMeter`] counts what is used; [`Accuracy`] remembers how far the two were apart. All sums saturate.

mod accuracy;
mod error;
mod fallback;
mod guard;
mod meter;
mod price;
mod shape;

pub use accuracy::{Accuracy, Observed};
pub use error::{Mape, Sample, ape, conformance_predictability, is_under};
pub use guard::{Guarded, SigmaSource, guard_k};
pub use meter::{Counters, UsageMeter};
pub use price::Price;
pub use shape::{Estimate, Variance};
