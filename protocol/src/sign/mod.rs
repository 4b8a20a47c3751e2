//! Checksums and signatures (atp.md section 4): of fragments, of whole frames, and HMAC under a ring of keys.
//!
//! Checksums find damage, not attackers. Signatures are compared in constant time, and every way to fail one is the same
//! `false`: a caller is never told which check failed. Keys are a type that cannot be formatted or serialised.

pub mod checksum;
pub mod fragment;
mod keyring;
mod secret;
pub mod signature;

pub use keyring::{KEY_OVERLAP_MS, KeyRing, Keys};
pub use secret::{SECRET_MIN, Secret, Strength, WeakSecret};

use ring::digest::{SHA256, digest};

/// SHA-256 in lower-case hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}
