//! `canonical.json.json`.
