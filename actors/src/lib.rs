//! Actors.

pub mod adapter;
