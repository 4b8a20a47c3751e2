//! `resumption.json`.
