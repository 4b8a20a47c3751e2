//! `reputation.json`.
