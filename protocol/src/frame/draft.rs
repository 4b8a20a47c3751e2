//! A frame in the making: members taken in as they come, required ones asked for at the end (atp.md 3.1 and 3.2).

use std::borrow::Cow;

use crate::error::Fault;
use crate::frame::check::{Check, missing};
use crate::frame::{Flags, Frame, Meta};
use crate::ids::{SessionId, StreamId};
use crate::limits::{FRAG_SEQ_MAX, Limits, MSG_SEQ_MAX};
use crate::payload::Payload;
use crate::units::{Tier, Window};
use crate::value::{Malformed, Object, Value};

/// Members met so far.
#[derive(Default)]
pub(super) struct Draft<'a> {
    has_version: bool,
    session_id: Option<SessionId>,
    stream_id: Option<StreamId>,
    msg_seq: Option<u64>,
    frag_seq: u32,
    flags: Flags,
    qos: Option<Tier>,
    ttl: Option<u8>,
    window: Option<Window>,
    meta: Option<Meta<'a>>,
    payload: Option<Payload<'a>>,
    other: Object<'a>,
}

impl<'a> Draft<'a> {
    /// Takes one member in; `null` means absent.
    pub(super) fn take(
        &mut self,
        name: Cow<'a, str>,
        value: Value<'a>,
        frame_bytes: usize,
        limits: &Limits,
    ) -> Result<(), Fault> {
        let member = Check {
            within: "",
            name: name.as_ref(),
            value: &value,
        };
        match name.as_ref() {
            _ if value == Value::Null => {}
            "v" => self.has_version = member.int(1..=1)? == 1,
            "session_id" => self.session_id = Some(member.id(SessionId::new)?),
            "stream_id" => self.stream_id = Some(member.id(StreamId::new)?),
            "msg_seq" => self.msg_seq = Some(member.int(0..=MSG_SEQ_MAX)?),
            "frag_seq" => self.frag_seq = frag_seq(member, limits)?,
            "flags" => self.flags = Flags::read(member, limits)?,
            "qos" => {
                let tier = Tier::parse(member.text()?);
                self.qos = Some(tier.ok_or_else(|| member.fault("must be gold, silver or bronze"))?);
            }
            "ttl" => self.ttl = u8::try_from(member.int(0..=u8::MAX.into())?).ok(),
            "window" => self.window = Some(window(member)?),
            "meta" => self.meta = Some(Meta::read(value, frame_bytes, limits)?),
            "payload" => self.payload = Some(Payload::read(value)?),
            "checksum" | "sig" | "kid" | "nonce" | "ts" => {}
            _ if value.holds_bytes() => return Err(member.fault(Malformed::Bytes)),
            _ => self.other.push(name, value),
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Frame<'a>, Fault> {
        if !self.has_version {
            return Err(missing("", "v"));
        }
        let frame = Frame {
            session_id: self.session_id.ok_or_else(|| missing("", "session_id"))?,
            stream_id: self.stream_id.ok_or_else(|| missing("", "stream_id"))?,
            msg_seq: self.msg_seq.ok_or_else(|| missing("", "msg_seq"))?,
            frag_seq: self.frag_seq,
            flags: self.flags,
            qos: self.qos,
            ttl: self.ttl,
            window: self.window,
            meta: self.meta,
            payload: self.payload.ok_or_else(|| missing("", "payload"))?,
            other: self.other,
        };
        // the control stream is always there: a SYN on it opens nothing that could inherit
        if frame.flags.opens() && !frame.stream_id.is_control() {
            frame.check_opening()?;
        }
        Ok(frame)
    }
}

fn frag_seq(member: Check<'_, '_>, limits: &Limits) -> Result<u32, Fault> {
    let max = u64::from(FRAG_SEQ_MAX).min(limits.fragments as u64 - 1);
    let index = member.int(0..=max)?;
    u32::try_from(index).map_err(|error| member.fault(error))
}

fn window(member: Check<'_, '_>) -> Result<Window, Fault> {
    let object = member.object()?;
    let int = |name: &'static str, max: u64| {
        let value = object.present(name).ok_or_else(|| missing("window.", name))?;
        let member = Check {
            within: "window.",
            name,
            value,
        };
        member.int(0..=max)
    };
    let parallel = int("max_parallel", Window::MAX.max_parallel.into())?;
    Ok(Window {
        max_parallel: u32::try_from(parallel).map_err(|error| member.fault(error))?,
        max_tokens: int("max_tokens", Window::MAX.max_tokens)?,
        max_usd_micros: int("max_usd_micros", Window::MAX.max_usd_micros)?,
    })
}
