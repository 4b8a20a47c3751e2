//! `aimd.json`.
