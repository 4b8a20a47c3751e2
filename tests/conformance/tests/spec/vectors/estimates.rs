//! `estimates.json`.
