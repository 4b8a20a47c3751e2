//! `control.resume` and `control.resume_ack` (atp.md 13.2).

use serde::{Deserialize, Serialize};

use crate::units::Window;

/// A client wants a stream back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The token of the last SYN-ACK, resume or half-life.
    pub resume_token: String,
    /// What arrived, lane by lane; a lane not named starts from its oldest kept message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<LanePosition>,
    /// Highest `msg_seq` the client had sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_cum: Option<u64>,
}

/// What of a lane has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanePosition {
    /// The persona; absent on the default lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona_id: Option<String>,
    /// The clone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone_id: Option<u32>,
    /// Highest `msg_seq` such that all up to it arrived.
    pub cum: u64,
}

/// The stream is back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeAck {
    /// Always true; a failure is a `control.error` `ERESUME`.
    pub ok: bool,
    /// For the next time.
    pub resume_token: String,
    /// The client's next `msg_seq`.
    pub expect: u64,
    /// How many messages follow again.
    pub replaying: u64,
    /// The window from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// First message that is lost, when the buffer overflowed meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_from: Option<u64>,
    /// Last message that is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_to: Option<u64>,
}
