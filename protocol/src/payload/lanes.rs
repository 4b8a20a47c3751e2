//! Work for the lanes of a parallel session, and what they answer: `agent.dispatch`, `.stream`, `.end` (atp.md 7.4).
//!
//! `session_id`, `persona_id`, `clone_id` and `seq` stand in the payload or the content; read them from the
//! [`Payload`], which has them either way.

use serde::{Deserialize, Serialize};

use super::Payload;
use super::money::WireAmount;
use super::read::{bad, content};
use super::request::Request;
use crate::error::Fault;
use crate::ids::{CloneId, PersonaId, SessionId};
use crate::units::{Amount, Tier};
use crate::value::{Object, Value};

/// Work for several lanes.
#[derive(Debug, Clone)]
pub struct Dispatch {
    /// Who shall do it; at least one.
    pub targets: Vec<Target>,
    /// For the whole dispatch.
    pub budget: Amount,
    /// What is to be done; absent where the stream's request is meant.
    pub content: Option<Request>,
    /// Time left in milliseconds.
    pub deadline_ms: Option<u64>,
}

/// One lane of a dispatch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The persona.
    pub persona_id: PersonaId,
    /// The clone of it.
    pub clone_id: CloneId,
    /// A name for the lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane_id: Option<String>,
    /// The lane's tier, else the request's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qos: Option<Tier>,
    /// Varies clones of one persona.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diversity_seed: Option<u64>,
}

#[derive(Deserialize)]
struct WireDispatch {
    targets: Vec<Target>,
    budget: WireAmount,
    deadline_ms: Option<u64>,
}

impl Dispatch {
    pub(super) fn read(payload: &Payload<'_>) -> Result<Self, Fault> {
        let wire: WireDispatch = content(payload)?;
        if payload.session_id.is_none() {
            return Err(bad("session_id is required, but absent"));
        }
        if wire.targets.is_empty() {
            return Err(bad("targets must name at least one lane"));
        }
        let request = payload
            .content
            .as_ref()
            .and_then(Value::as_object)
            .and_then(|object| object.present("content"));
        Ok(Self {
            targets: wire.targets,
            budget: wire.budget.try_into().map_err(bad)?,
            content: request.map(Request::read).transpose()?,
            deadline_ms: wire.deadline_ms,
        })
    }
}

impl Dispatch {
    /// The content of an `agent.dispatch` within a parallel session. The client's own word for its tenant stays behind.
    #[must_use]
    pub fn to_value(&self, session: &SessionId) -> Value<'static> {
        let mut content: Object<'_> = [
            ("session_id", Value::from(session.as_str().to_owned())),
            ("targets", Value::of(&self.targets)),
            ("budget", Value::of(&self.budget)),
        ]
        .into_iter()
        .collect();
        if let Some(request) = &self.content {
            content.set("content", request.to_value());
        }
        if let Some(deadline_ms) = self.deadline_ms {
            content.set("deadline_ms", deadline_ms);
        }
        Value::Object(content)
    }
}

/// A chunk of a lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// What follows the data sent so far.
    pub data: String,
    /// Tokens in it; a quarter of its bytes if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Whether more follows, if the agent knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<bool>,
}

/// The end of a lane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// What it took.
    pub stats: Stats,
    /// How it ended.
    #[serde(default)]
    pub status: EndStatus,
    /// Number of the last chunk; without it the end waits for a gap to close.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seq: Option<u64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a lane took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// From dispatch to end, in milliseconds.
    pub latency_ms: u64,
    /// Tokens altogether.
    pub tokens: u64,
    /// Input tokens, if told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_tokens: Option<u64>,
    /// Output tokens, if told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_tokens: Option<u64>,
    /// Micro-dollars; `None` leaves the pricing to the router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_micros: Option<u64>,
}

/// How a lane ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndStatus {
    /// With a result.
    #[default]
    Ok,
    /// Without.
    Error,
    /// On request.
    Cancelled,
}
