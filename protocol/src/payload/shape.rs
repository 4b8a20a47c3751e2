//! The member `payload`: everything around the content (atp.md 3.4 and 7.1).

use std::borrow::Cow;

use serde::Serialize;

use super::{CostEst, Kind};
use crate::error::Fault;
use crate::frame::{Check, fault, missing};
use crate::ids::{CloneId, LaneId, PersonaId, SessionId};
use crate::limits::MSG_SEQ_MAX;
use crate::value::{Malformed, Object, Value};

/// Highest `clone_id`, 2^31 - 1.
pub(super) const CLONE_ID_MAX: u64 = (1 << 31) - 1;

/// Longest `type` in bytes.
const NAME_MAX: usize = 64;

/// A checked payload with its content still a tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload<'a> {
    /// The type; `None` if we do not know it.
    pub kind: Option<Kind>,
    /// The type by the name received.
    pub name: Cow<'a, str>,
    /// The content, hoisted if it stood in the payload itself; `None` if there was none.
    pub content: Option<Value<'a>>,
    /// The sender's confidence, 0 to 1.
    pub confidence: Option<f64>,
    /// Cost so far or estimated, cumulative for the lane.
    pub cost_est: Option<CostEst>,
    /// The fragment's checksum, see [`sign::fragment`](crate::sign::fragment).
    pub checksum: Option<Cow<'a, str>>,
    /// Lifetime of a provisional result in milliseconds from receipt.
    pub expiry_ms: Option<u64>,
    /// The parallel session, when it is not the frame's.
    pub session_id: Option<SessionId>,
    /// The lane's persona.
    pub persona_id: Option<PersonaId>,
    /// The lane's clone.
    pub clone_id: Option<CloneId>,
    /// Number of the chunk within its lane.
    pub seq: Option<u64>,
    /// `msg_seq` of the opposite direction that this answers.
    pub in_reply_to: Option<u64>,
    /// Members without meaning to us.
    pub other: Object<'a>,
}

impl<'a> Payload<'a> {
    /// A payload with this content and nothing around it.
    #[must_use]
    pub fn new(kind: Kind, content: impl Into<Value<'a>>) -> Self {
        Self {
            content: Some(content.into()),
            ..Self::empty(Some(kind), Cow::Borrowed(kind.as_str()))
        }
    }

    /// A payload of one of the typed contents of this module.
    #[must_use]
    pub fn of<T: Serialize>(kind: Kind, content: &T) -> Payload<'static> {
        Payload::new(kind, Value::of(content))
    }

    /// The same payload in a lane.
    #[must_use]
    pub fn in_lane(mut self, lane: &LaneId) -> Self {
        self.persona_id.clone_from(&lane.persona);
        self.clone_id = lane.clone;
        self
    }

    /// The lane the payload belongs to within its stream.
    #[must_use]
    pub fn lane(&self) -> LaneId {
        LaneId {
            persona: self.persona_id.clone(),
            clone: self.clone_id,
        }
    }

    /// The text of `content.text`, which is what fragments split and partials stream.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.content.as_ref()?.as_object()?.get("text")?.as_text()
    }

    const fn empty(kind: Option<Kind>, name: Cow<'a, str>) -> Self {
        Self {
            kind,
            name,
            content: None,
            confidence: None,
            cost_est: None,
            checksum: None,
            expiry_ms: None,
            session_id: None,
            persona_id: None,
            clone_id: None,
            seq: None,
            in_reply_to: None,
            other: Object::new(),
        }
    }

    /// Checks the member `payload`.
    ///
    /// # Errors
    /// `EPROTO` of the frame, naming the member at fault.
    pub(crate) fn read(value: Value<'a>) -> Result<Self, Fault> {
        let Value::Object(members) = value else {
            return Err(fault("", "payload", "must be an object"));
        };
        let mut payload = Self::empty(None, Cow::Borrowed(""));
        for (name, value) in members {
            payload.take(name, value)?;
        }
        if payload.name.is_empty() {
            return Err(missing(WITHIN, "type"));
        }
        payload.kind = Kind::parse(&payload.name);
        payload.unwrap_control();
        payload.hoist();
        payload.lift_lane();
        let is_agent = match payload.kind {
            Some(kind) => kind.as_str().starts_with("agent."),
            None => payload.name.starts_with("agent."),
        };
        if payload.content.is_none() && is_agent {
            return Err(missing(WITHIN, "content"));
        }
        Ok(payload)
    }

    /// Takes one member in.
    fn take(&mut self, name: Cow<'a, str>, value: Value<'a>) -> Result<(), Fault> {
        let member = Check {
            within: WITHIN,
            name: name.as_ref(),
            value: &value,
        };
        // content may be null; for the others null means absent
        match name.as_ref() {
            "content" => self.content = Some(value),
            _ if value == Value::Null => {}
            "type" => {
                let text = member.text()?;
                if !(1..=NAME_MAX).contains(&text.len()) {
                    return Err(member.fault(format_args!("must have 1 to {NAME_MAX} bytes")));
                }
                self.name = into_text(value);
            }
            "confidence" => self.confidence = Some(member.ratio()?),
            "cost_est" => self.cost_est = Some(value.read().map_err(|error| member.fault(error))?),
            "checksum" => {
                member.text()?;
                self.checksum = Some(into_text(value));
            }
            "expiry_ms" => self.expiry_ms = Some(member.int(0..=MSG_SEQ_MAX)?),
            "session_id" => self.session_id = Some(member.id(SessionId::new)?),
            "persona_id" => self.persona_id = Some(member.id(PersonaId::new)?),
            "clone_id" => self.clone_id = Some(clone_id(member.int(1..=CLONE_ID_MAX)?)),
            "seq" => self.seq = Some(member.int(0..=MSG_SEQ_MAX)?),
            "in_reply_to" => self.in_reply_to = Some(member.int(0..=MSG_SEQ_MAX)?),
            _ if value.holds_bytes() => return Err(member.fault(Malformed::Bytes)),
            _ => self.other.push(name, value),
        }
        Ok(())
    }

    /// The members that select a lane, as they are sent.
    pub(super) fn lane_members(&self) -> impl Iterator<Item = (&'static str, Value<'a>)> + use<'a> {
        let text = |text: &str| Value::from(text.to_owned());
        let members = [
            ("session_id", self.session_id.as_ref().map(|id| text(id.as_str()))),
            ("persona_id", self.persona_id.as_ref().map(|id| text(id.as_str()))),
            ("clone_id", self.clone_id.map(|CloneId(clone)| clone.into())),
            ("seq", self.seq.map(Value::from)),
        ];
        members
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
    }

    /// The member `payload` as it is sent: canonical type, content in `content`.
    pub(crate) fn into_value(self) -> Value<'a> {
        let lane = self.lane_members();
        let mut members = Object::new();
        members.push(
            "type".into(),
            self.kind
                .map_or(Value::Text(self.name), |kind| kind.as_str().into()),
        );
        for (name, value) in lane {
            members.push(name.into(), value);
        }
        let numbers = [("expiry_ms", self.expiry_ms), ("in_reply_to", self.in_reply_to)];
        for (name, number) in numbers {
            if let Some(number) = number {
                members.push(name.into(), number.into());
            }
        }
        if let Some(confidence) = self.confidence {
            members.push("confidence".into(), confidence.into());
        }
        if let Some(cost) = self.cost_est {
            members.push("cost_est".into(), cost.to_value());
        }
        if let Some(checksum) = self.checksum {
            members.push("checksum".into(), Value::Text(checksum));
        }
        if let Some(content) = self.content {
            members.push("content".into(), content);
        }
        for (name, value) in self.other {
            members.push(name, value);
        }
        Value::Object(members)
    }

    /// The same payload, owning all text.
    #[must_use]
    pub fn into_owned(self) -> Payload<'static> {
        Payload {
            kind: self.kind,
            name: Cow::Owned(self.name.into_owned()),
            content: self.content.map(Value::into_owned),
            confidence: self.confidence,
            cost_est: self.cost_est,
            checksum: self.checksum.map(|checksum| Cow::Owned(checksum.into_owned())),
            expiry_ms: self.expiry_ms,
            session_id: self.session_id,
            persona_id: self.persona_id,
            clone_id: self.clone_id,
            seq: self.seq,
            in_reply_to: self.in_reply_to,
            other: self.other.into_owned(),
        }
    }
}

const WITHIN: &str = "payload.";

pub(super) const fn clone_id(id: u64) -> CloneId {
    // checked against CLONE_ID_MAX, which fits
    CloneId(id as u32)
}

fn into_text(value: Value<'_>) -> Cow<'_, str> {
    match value {
        Value::Text(text) => text,
        _ => Cow::Borrowed(""),
    }
}
