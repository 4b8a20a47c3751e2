//! Putting a policy document in force.

use atp_consensus::meta::policy::{ApplyPolicy, ApplyPolicyReply};
use atp_protocol::error::{Code, Fault};
use atp_routing::policy::Lint;

use super::Meta;
use crate::cluster::propose;

impl Meta {
    /// Puts a policy document in force at all nodes: here when it returns, elsewhere as soon as they have heard. Returns its version
    /// and the previous one.
    ///
    /// # Errors
    /// The document's problems; those of the group. The one in force stays.
    pub async fn apply_policy(&self, text: String) -> Result<(u64, u64), PolicyError> {
        let Ok(command) = ApplyPolicy::checked(text.clone(), None) else {
            // It is remembered that there was a bad one, and told what is bad about it.
            return Ok(self.registry.load_policy(text, None).await??);
        };
        let previous = self.registry.snapshots.policy().version;
        match propose(&self.cluster.meta, &command).await? {
            ApplyPolicyReply::Applied { version } => {
                self.follow().await;
                Ok((in_force(version), previous))
            }
            ApplyPolicyReply::TooLong => {
                Err(Fault::new(Code::TooBig, "the document is too large to be kept").into())
            }
            ApplyPolicyReply::Moved { version } => {
                let detail = format!("version {} came into force meanwhile", in_force(version));
                Err(Fault::new(Code::Internal, detail).into())
            }
        }
    }
}

/// The version as nodes tell it: 1 is that of the configuration, in force until a document is applied.
pub(super) const fn in_force(agreed: u64) -> u64 {
    agreed + 1
}

/// Why a policy document is not in force.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It has errors.
    #[error("the document has {} problems; the one in force stays", .0.len())]
    Rejected(Vec<Lint>),
    /// Something else.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Vec<Lint>> for PolicyError {
    fn from(problems: Vec<Lint>) -> Self {
        Self::Rejected(problems)
    }
}
