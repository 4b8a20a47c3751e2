//! `cbor_values.json`.
