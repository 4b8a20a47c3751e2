//! What a call is expected to cost, the guard band over it, and how accurate estimates have been (atp.md 17.1, 17.2, 17.4).

mod shape;

pub use shape::{Estimate, Variance};
