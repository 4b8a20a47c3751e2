//! A frame's members and its structure (atp.md 3.1 and 3.2).

use crate::error::Fault;
use crate::frame::check::{fault, missing};
use crate::frame::draft::Draft;
use crate::frame::{Flags, Meta};
use crate::ids::{LaneId, SessionId, StreamId};
use crate::limits::Limits;
use crate::payload::{Kind, Payload};
use crate::units::{Tier, Window};
use crate::value::{Object, Value};

/// Hop count that a journey starts with.
pub const TTL_INITIAL: u8 = 8;

/// A frame whose structure is sound. `None` members are inherited from the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame<'a> {
    /// The session.
    pub session_id: SessionId,
    /// The stream within it.
    pub stream_id: StreamId,
    /// Number of the message in its lane and direction, up to [`MSG_SEQ_MAX`](crate::limits::MSG_SEQ_MAX).
    pub msg_seq: u64,
    /// Index of the fragment in the message.
    pub frag_seq: u32,
    /// Flags.
    pub flags: Flags,
    /// Tier.
    pub qos: Option<Tier>,
    /// Hops left.
    pub ttl: Option<u8>,
    /// Window requested (client) or granted (router).
    pub window: Option<Window>,
    /// Task metadata.
    pub meta: Option<Meta<'a>>,
    /// What the frame carries.
    pub payload: Payload<'a>,
    /// Members without meaning to us. Not forwarded across trust boundaries unless configured.
    pub other: Object<'a>,
}

impl<'a> Frame<'a> {
    /// A frame with the flags its payload has by itself; everything else is inherited until set.
    #[must_use]
    pub fn new(session_id: SessionId, stream_id: StreamId, msg_seq: u64, payload: Payload<'a>) -> Self {
        Self {
            session_id,
            stream_id,
            msg_seq,
            frag_seq: 0,
            flags: payload.kind.map_or(Flags::NONE, Kind::flags),
            qos: None,
            ttl: None,
            window: None,
            meta: None,
            payload,
            other: Object::new(),
        }
    }

    /// Checks the structure of a received tree. `frame_bytes` is the size of the frame it came from, uncompressed.
    ///
    /// Judges neither seals (`checksum`, `sig`, `kid`, `nonce`, `ts`) nor combinations of flags.
    ///
    /// # Errors
    /// `EPROTO` of the frame; the detail starts with the path of the first member at fault, in the order received, required
    /// ones that are absent after them.
    pub fn read(tree: Value<'a>, frame_bytes: usize, limits: &Limits) -> Result<Self, Fault> {
        let Value::Object(members) = tree else {
            return Err(fault("", "frame", "must be an object"));
        };
        let mut draft = Draft::default();
        for (name, value) in members {
            draft.take(name, value, frame_bytes, limits)?;
        }
        draft.finish()
    }

    /// Refuses a frame that opens a stream without all that a stream starts with. [`Frame::read`] asks this of frames with
    /// `SYN`; the stream machine asks it of those that open one without.
    ///
    /// # Errors
    /// `EPROTO` of the frame, naming the first absent member.
    pub fn check_opening(&self) -> Result<(), Fault> {
        let present = [
            ("qos", self.qos.is_some()),
            ("ttl", self.ttl.is_some()),
            ("window", self.window.is_some()),
            ("meta", self.meta.is_some()),
        ];
        match present.into_iter().find(|(_, is_present)| !is_present) {
            Some((name, _)) => Err(missing("", name)),
            None => Ok(()),
        }
    }

    /// The lane within the stream.
    #[must_use]
    pub fn lane(&self) -> LaneId {
        self.payload.lane()
    }

    /// The same frame, owning all text.
    #[must_use]
    pub fn into_owned(self) -> Frame<'static> {
        Frame {
            session_id: self.session_id,
            stream_id: self.stream_id,
            msg_seq: self.msg_seq,
            frag_seq: self.frag_seq,
            flags: self.flags,
            qos: self.qos,
            ttl: self.ttl,
            window: self.window,
            meta: self.meta.map(Meta::into_owned),
            payload: self.payload.into_owned(),
            other: self.other.into_owned(),
        }
    }

    /// The members as they are sent, without seals. `lean` leaves out what the other side inherits or defaults.
    #[must_use]
    pub fn into_object(self, lean: bool) -> Object<'a> {
        let inherits = lean && !self.flags.opens();
        let mut members = Object::new();
        members.push("v".into(), Value::Int(1));
        members.push("session_id".into(), self.session_id.as_str().to_owned().into());
        members.push("stream_id".into(), self.stream_id.as_str().to_owned().into());
        members.push("msg_seq".into(), self.msg_seq.into());
        if !inherits || self.frag_seq > 0 {
            members.push("frag_seq".into(), self.frag_seq.into());
        }
        let flags = self.flags.to_value().into_owned();
        if !inherits || flags.as_array().is_some_and(|flags| !flags.is_empty()) {
            members.push("flags".into(), flags);
        }
        if !inherits {
            if let Some(qos) = self.qos {
                members.push("qos".into(), qos.as_str().into());
            }
            if let Some(ttl) = self.ttl {
                members.push("ttl".into(), u32::from(ttl).into());
            }
            if let Some(window) = self.window {
                members.push("window".into(), window_value(window));
            }
            if let Some(meta) = self.meta {
                members.push("meta".into(), meta.into_value());
            }
        }
        members.push("payload".into(), self.payload.into_value());
        for (name, value) in self.other {
            members.push(name, value);
        }
        members
    }
}

fn window_value(window: Window) -> Value<'static> {
    let members = [
        ("max_parallel", u64::from(window.max_parallel)),
        ("max_tokens", window.max_tokens),
        ("max_usd_micros", window.max_usd_micros),
    ];
    Value::Object(members.into_iter().collect())
}
