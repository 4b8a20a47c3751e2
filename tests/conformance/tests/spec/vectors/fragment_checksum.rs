//! `fragment_checksum.json`.
