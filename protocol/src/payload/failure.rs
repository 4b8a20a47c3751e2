//! `agent.result.error` (atp.md 7.2).

use serde::{Deserialize, Serialize};

use crate::error::{Code, Fault, Scope};

/// A lane failed, in the agent's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneError {
    /// What went wrong.
    pub error: String,
    /// The agent's own class of error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// Whether a repeat can help, if the agent knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
}

impl LaneError {
    /// The lane's failure, `EADAPTER`.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault {
            retryable: self.retryable,
            ..Fault::new(Code::Adapter, self.error.clone()).scoped(Scope::Lane)
        }
    }
}
