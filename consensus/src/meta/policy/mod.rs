//! The policy document in force, and those before it.
//!
//! At the bounds: a document has at most `DOCUMENT_LEN_MAX` bytes (`routing::policy`); of earlier ones the last [`KEPT_MAX`] are
//! kept, of at most [`KEPT_BYTES_MAX`] together, and the oldest is forgotten first.

mod apply_policy;

pub use apply_policy::{ApplyPolicy, ApplyPolicyReply};

use std::collections::VecDeque;

use atp_protocol::units::UnixMillis;
use serde::{Deserialize, Serialize};

/// Earlier documents kept.
pub const KEPT_MAX: usize = 16;

/// Bytes of earlier documents kept.
pub const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A document that is or was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its number: 1 for the first, and one more for each.
    pub version: u64,
    /// blake3 of its bytes.
    pub digest: [u8; 32],
    /// The document.
    pub text: String,
    /// When it was applied.
    pub applied_at: UnixMillis,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policies {
    /// The oldest first; the last one is in force.
    pub(super) documents: VecDeque<Document>,
}

impl Policies {
    /// The document in force; `None` until one is applied, and nodes use that of their configuration.
    #[must_use]
    pub fn in_force(&self) -> Option<&Document> {
        self.documents.back()
    }

    /// The version in force; 0 for none.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.in_force().map_or(0, |document| document.version)
    }

    /// Documents that were in force, the latest first.
    pub fn earlier(&self) -> impl Iterator<Item = &Document> {
        self.documents.iter().rev().skip(1)
    }

    fn push(&mut self, document: Document) {
        self.documents.push_back(document);
        while self.documents.len() > KEPT_MAX + 1 || self.kept_bytes() > KEPT_BYTES_MAX {
            self.documents.pop_front();
        }
    }

    fn kept_bytes(&self) -> usize {
        self.earlier().map(|document| document.text.len()).sum()
    }
}
