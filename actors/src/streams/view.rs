//! A stream as its client sees it.

use std::collections::BTreeMap;

use atp_protocol::stream::State;
use atp_protocol::units::{Amount, Tier, Window};
use serde_json::Value;

/// Where a stream stands.
#[derive(Debug, Clone)]
pub struct StreamState {
    /// Its state (atp.md 9.2).
    pub state: State,
    /// Its tier.
    pub tier: Tier,
    /// Its window.
    pub window: Window,
    /// What of its budget, or of its hold where it has none, is not charged yet; `None` before it is admitted.
    pub budget_left: Option<Amount>,
    /// The last number sent in each lane.
    pub lanes: BTreeMap<String, u64>,
    /// Content of its final, once there is one.
    pub last: Option<Value>,
    /// Its readers.
    pub readers: usize,
}

/// The name of a state as the specification writes it.
#[must_use]
pub const fn state_name(state: State) -> &'static str {
    match state {
        State::Idle => "IDLE",
        State::Open => "OPEN",
        State::HalfClosedRemote => "HALF_CLOSED_REMOTE",
        State::HalfClosedLocal => "HALF_CLOSED_LOCAL",
        State::Suspended => "SUSPENDED",
        State::Closed => "CLOSED",
        State::Reset => "RESET",
    }
}
