//! Actors.

pub mod adapter;
pub mod environment;
pub mod exec;
pub mod ledger;
pub mod metrics;
pub mod supervision;
