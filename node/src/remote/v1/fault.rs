//! An error on its way to the node that asked.

use atp_protocol::error::{self, Code, Scope};
use atp_protocol::units::Window;
use serde::{Deserialize, Serialize};

/// As [`error::Fault`]; how it is told is the asking node's business.
#[derive(Serialize, Deserialize)]
pub(in crate::remote) struct Fault {
    code: Code,
    scope: Scope,
    detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retryable: Option<bool>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_outcome_unknown: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<Window>,
}

impl From<error::Fault> for Fault {
    fn from(fault: error::Fault) -> Self {
        Self {
            code: fault.code,
            scope: fault.scope,
            detail: fault.detail.into_owned(),
            retry_after_ms: fault.retry_after_ms,
            retryable: fault.retryable,
            is_outcome_unknown: fault.is_outcome_unknown,
            window: fault.window,
        }
    }
}

impl From<Fault> for error::Fault {
    fn from(fault: Fault) -> Self {
        Self {
            scope: fault.scope,
            retry_after_ms: fault.retry_after_ms,
            retryable: fault.retryable,
            is_outcome_unknown: fault.is_outcome_unknown,
            window: fault.window,
            ..Self::new(fault.code, fault.detail)
        }
    }
}
