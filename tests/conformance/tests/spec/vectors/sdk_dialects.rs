//! `sdk_dialects.json`.
