//! Checksums of fragments (atp.md section 4.2).

pub mod fragment;

use ring::digest::{SHA256, digest};

/// SHA-256 in lower-case hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}
