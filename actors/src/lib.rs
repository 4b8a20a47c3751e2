//! Actors.

pub mod adapter;
pub mod environment;
pub mod exec;
pub mod metrics;
pub mod supervision;
