//! `reassembly.json`.
