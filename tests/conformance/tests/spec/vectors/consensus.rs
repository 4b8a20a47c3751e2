//! `consensus.json`.
