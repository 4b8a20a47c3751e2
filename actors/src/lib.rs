//! Actors.

pub mod adapter;
pub mod cpu;
