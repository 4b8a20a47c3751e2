//! Puts a policy document in force.

use atp_routing::policy::{DOCUMENT_LEN_MAX, Lint, PolicySet};
use serde::{Deserialize, Serialize};

use super::Document;
use crate::command::{Body, Tag};
use crate::dispatch::Handler;
use crate::machine::Context;
use crate::meta::{Effect, Meta, tag};

/// A document that was checked before it is proposed.
///
/// It is not checked again when it is applied: what a release accepts may change with the release, and members of two releases
/// would come to different states. A member whose release does not accept the document stays with the one it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyPolicy {
    text: String,
    expected: Option<u64>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApplyPolicyReply {
    /// It is in force, since this command or, if it was in force already, an earlier one.
    Applied {
        /// Its version.
        version: u64,
    },
    /// Another version is in force than expected. Look at that first.
    Moved {
        /// The version in force.
        version: u64,
    },
    /// It is longer than a document may be (`DOCUMENT_LEN_MAX`).
    TooLong,
}

impl ApplyPolicy {
    /// The command for a document. `expected`: the version that it replaces; `None` replaces whatever is in force.
    ///
    /// # Errors
    /// Every problem of the document; it must not be proposed.
    pub fn checked(text: String, expected: Option<u64>) -> Result<Self, Vec<Lint>> {
        PolicySet::parse(&text)?;
        Ok(Self { text, expected })
    }
}

impl Body for ApplyPolicy {
    const TAG: Tag = tag(16);
    type Reply = ApplyPolicyReply;
}

impl Handler<Meta, Effect> for ApplyPolicy {
    fn apply(self, context: &Context, meta: &mut Meta, effects: &mut Vec<Effect>) -> ApplyPolicyReply {
        let Self { text, expected } = self;
        if text.len() > DOCUMENT_LEN_MAX {
            return ApplyPolicyReply::TooLong;
        }
        let version = meta.policies.version();
        // First, so that a proposal whose outcome was unknown can be made again.
        if meta
            .policies
            .in_force()
            .is_some_and(|document| document.text == text)
        {
            return ApplyPolicyReply::Applied { version };
        }
        if expected.is_some_and(|expected| expected != version) {
            return ApplyPolicyReply::Moved { version };
        }
        let version = version + 1;
        meta.policies.change(context.index).push(Document {
            version,
            digest: *blake3::hash(text.as_bytes()).as_bytes(),
            text,
            applied_at: context.now(),
        });
        effects.push(Effect::PolicyApplied { version });
        ApplyPolicyReply::Applied { version }
    }
}
