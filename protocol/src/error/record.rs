//! An error as it is kept, or sent to another node.

use serde::{Deserialize, Serialize};

use super::{Code, Fault, Scope};
use crate::units::Window;

/// As [`Fault`]; how it is told is the business of whoever reads it. For JSON, as members may be missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultRecord {
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

impl From<Fault> for FaultRecord {
    fn from(fault: Fault) -> Self {
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

impl From<FaultRecord> for Fault {
    fn from(fault: FaultRecord) -> Self {
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
