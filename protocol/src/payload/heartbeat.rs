//! `heartbeat` (atp.md 7.3).

use serde::{Deserialize, Serialize};

/// A sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The sender's clock in Unix milliseconds; the answer repeats it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<u64>,
}
