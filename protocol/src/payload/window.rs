//! `control.window_update` and `control.ack` (atp.md 7.3, 9.2 and 11.1).

use serde::{Deserialize, Serialize};

use super::Payload;
use super::money::{WireWindow, window};
use super::read::{bad, content};
use crate::error::Fault;
use crate::units::PartialWindow;

/// A window changed. As the answer to a `SYN` it also brings the resume token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowUpdate {
    /// The components that changed.
    #[serde(flatten, skip_deserializing)]
    pub window: PartialWindow,
    /// Strictly increasing for each scope; an older update is ignored.
    pub update_id: u64,
    /// Whose window.
    pub scope: WindowScope,
    /// Why; of a later version if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<WindowReason>,
    /// The agent's part of the minimum.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "window")]
    pub suggested: Option<PartialWindow>,
    /// How long it holds at least, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_ms: Option<u64>,
    /// An acknowledgement that rides along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack: Option<Ack>,
    /// Re-attaches to the stream after a loss of the connection, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_token: Option<String>,
    /// How long it is valid, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_ttl_ms: Option<u64>,
}

impl WindowUpdate {
    /// An update of these components and nothing else.
    #[must_use]
    pub const fn new(
        window: PartialWindow,
        update_id: u64,
        scope: WindowScope,
        reason: WindowReason,
    ) -> Self {
        Self {
            window,
            update_id,
            scope,
            reason: Some(reason),
            suggested: None,
            hold_ms: None,
            ack: None,
            resume_token: None,
            resume_ttl_ms: None,
        }
    }

    pub(super) fn read(payload: &Payload<'_>) -> Result<Self, Fault> {
        let mut update: Self = content(payload)?;
        let wire: WireWindow = content(payload)?;
        update.window = wire.try_into().map_err(bad)?;
        Ok(update)
    }
}

/// Whose window an update changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowScope {
    /// The stream's.
    Stream,
    /// The session's.
    Session,
    /// The agent's.
    Agent,
}

/// Why a window changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowReason {
    /// Adaptive increase or decrease.
    Aimd,
    /// The agent said how much it takes.
    AgentStatus,
    /// The budget shrank or grew.
    Budget,
    /// Policy changed.
    Policy,
    /// Errors.
    Error,
    /// Congestion on the path.
    Ecn,
    /// Nothing changed; said again so that a loss does not last.
    Refresh,
    /// The first of the stream.
    Grant,
    /// A reason of a later version.
    #[serde(other, skip_serializing)]
    Other,
}

/// What has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ack {
    /// The message; absent in frames of the reference, whose own `msg_seq` then says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg_seq: Option<u64>,
    /// Highest contiguous fragment, -1 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack_up_to: Option<i64>,
    /// All of the message arrived.
    #[serde(default)]
    pub completed: bool,
    /// Highest `msg_seq` such that all up to it are complete in this lane and direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cum: Option<u64>,
}

impl Ack {
    pub(super) fn read(payload: &Payload<'_>) -> Result<Self, Fault> {
        let ack: Self = content(payload)?;
        match ack.ack_up_to {
            Some(index) if index < -1 => Err(bad("ack_up_to must be -1 or more")),
            _ => Ok(ack),
        }
    }
}
