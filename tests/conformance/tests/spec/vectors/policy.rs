//! `policy.json`.
