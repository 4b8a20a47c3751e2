//! `canonical_json.json`.
