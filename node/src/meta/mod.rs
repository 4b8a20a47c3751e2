//! What all of the node agrees on and rarely changes: keys, policy, adapters. Changes go to a journal of their own first;
//! readers see immutable snapshots.

mod log;
mod status;
mod store;

pub use status::Status;
pub(crate) use store::Recovered;
pub use store::{Meta, PolicyError};
