//! `control.resume` and `control.resume_ack` content (atp.md 13.2).

use serde::{Deserialize, Serialize};

use crate::ids::{CloneId, LaneId, PersonaId};
use crate::units::Window;

/// A client asks for its stream back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeRequest {
    /// The token, in clear.
    pub resume_token: String,
    /// What the client has of each lane; a lane it does not name is replayed from its start.
    #[serde(default)]
    pub lanes: Vec<LaneCum>,
    /// Highest number the client has sent and knows acknowledged.
    #[serde(default)]
    pub sent_cum: u64,
}

/// What a receiver has of one lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneCum {
    /// The persona; absent on the default lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona_id: Option<PersonaId>,
    /// The clone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone_id: Option<CloneId>,
    /// Everything up to this number.
    pub cum: u64,
}

impl LaneCum {
    /// The lane it speaks of.
    #[must_use]
    pub fn lane(&self) -> LaneId {
        LaneId {
            persona: self.persona_id.clone(),
            clone: self.clone_id,
        }
    }
}

/// The router gives a stream back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeAck {
    /// Always true; a refusal is `control.error`.
    pub ok: bool,
    /// The next token.
    pub resume_token: String,
    /// The number wanted next from the client on its default lane.
    pub expect: u64,
    /// Messages about to be sent again.
    pub replaying: u64,
    /// The window.
    pub window: Window,
    /// First message lost to a full buffer, if any was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_from: Option<u64>,
    /// Last message lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_to: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resume_names_its_lanes() {
        let request: ResumeRequest = serde_json::from_str(
            r#"{"resume_token":"t","lanes":[{"cum":3},{"persona_id":"p","clone_id":2,"cum":1}]}"#,
        )
        .unwrap();
        assert_eq!(request.lanes[0].lane(), LaneId::default());
        assert_eq!(request.lanes[1].lane().clone, Some(CloneId(2)));
        assert_eq!(request.sent_cum, 0);
    }
}
