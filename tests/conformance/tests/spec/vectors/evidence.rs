//! `evidence.json`.
