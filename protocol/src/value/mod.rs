//! The tree both encodings decode to, and the canonical forms it encodes to (atp.md 3.1, 4.1, 5.1 and 5.2).
//!
//! - [`Value`], [`Object`]: what was received, member for member; text borrows from the received bytes.
//! - [`json::parse`], [`cbor::parse`]: strict decoders. Both stop at the first byte that breaks a rule or passes the depth
//!   or node limit, so that no more is allocated than the limits allow.
//! - [`json::text`]: compact JSON in the order of the tree; [`canonical::ascii`] and [`canonical::raw`]: sorted, for digests.
//! - [`cbor::encode`]: the deterministic profile.
//! - [`Value::read`]: typed reading through serde, where `null` means absent.

pub mod canonical;
pub mod cbor;
mod convert;
mod duplicate;
mod error;
pub mod json;
mod read;
mod tree;
mod write;

pub use error::Malformed;
pub use read::ReadError;
pub use tree::{Object, Value};

#[cfg(test)]
mod tests;
