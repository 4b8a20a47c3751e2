//! `error_mapping.json`.
