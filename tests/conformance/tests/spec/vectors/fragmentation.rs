//! `fragmentation.json`.
