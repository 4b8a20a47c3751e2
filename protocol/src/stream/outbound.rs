//! The sending half of a stream: numbers messages, cuts them, keeps what is not acknowledged.

use std::sync::Arc;

use super::{Profile, StreamKey, content};
use crate::ack::{Gap, Gone, Keep, SendBuffer};
use crate::error::{Code, Fault, Scope};
use crate::fragment::Marking;
use crate::frame::{Flag, Frame, Meta, TTL_INITIAL};
use crate::ids::LaneId;
use crate::lane::Sequencer;
use crate::payload::{Kind, Payload};
use crate::units::{Tier, Window};
use crate::value::Value;

/// What every frame of a stream carries.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) key: StreamKey,
    pub(super) tier: Tier,
    pub(super) window: Window,
}

impl Head {
    /// A frame of the stream with the flags its payload has by itself.
    pub(super) fn frame(&self, msg_seq: u64, payload: Payload<'static>) -> Frame<'static> {
        Frame {
            qos: Some(self.tier),
            ttl: Some(TTL_INITIAL),
            window: Some(self.window),
            meta: Some(Meta::default()),
            ..Frame::new(
                self.key.session.clone(),
                self.key.stream.clone(),
                msg_seq,
                payload,
            )
        }
    }
}

/// A message on its way out.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) payload: Payload<'static>,
    /// Opens the stream, with this metadata.
    pub(super) opening: Option<Meta<'static>>,
    /// Nothing follows it.
    pub(super) is_last: bool,
}

#[derive(Debug)]
pub(super) struct Outbound {
    sequencer: Sequencer<LaneId>,
    buffer: SendBuffer<Arc<Frame<'static>>>,
    was_full: bool,
}

impl Outbound {
    pub(super) fn new(profile: &Profile) -> Self {
        Self {
            sequencer: Sequencer::default(),
            buffer: SendBuffer::new(profile.send_buffer_bytes),
            was_full: false,
        }
    }

    /// The frames of one sequenced message. `is_away`: nobody takes them, so that older ones give way.
    ///
    /// # Errors
    /// `EWINDOW` when too much is unacknowledged, `ETOOBIG` for a message of too many fragments, `EPROTO` for a lane that
    /// has used every number.
    pub(super) fn send(
        &mut self,
        head: &Head,
        message: Message,
        profile: &Profile,
        is_away: bool,
    ) -> Result<Vec<Arc<Frame<'static>>>, Fault> {
        let Message {
            payload,
            opening,
            is_last,
        } = message;
        let lane = payload.lane();
        let kind = payload.kind;
        let is_refused = match keep(kind) {
            Keep::WhileRoom => !is_away && !self.buffer.has_credit(),
            Keep::Always => self.buffer.bytes() >= profile.send_buffer_bytes.saturating_mul(2),
        };
        if is_refused {
            let detail = "too much is unacknowledged; wait for the peer's acknowledgement";
            return Err(Fault::new(Code::Window, detail).scoped(Scope::Message));
        }
        let payloads = content::cut(payload, head.tier, profile)?;
        let seq = self
            .sequencer
            .next(&lane)
            .map_err(|error| Fault::new(Code::Proto, error.to_string()))?;
        let count = payloads.len();
        let mut bytes = 0;
        let mut frames = Vec::with_capacity(count);
        for (at, payload) in payloads.into_iter().enumerate() {
            bytes += content::size(&payload);
            let mut frame = head.frame(seq, payload);
            frame.frag_seq = at as u32;
            profile.mark(&mut frame.flags, at, count);
            if is_last {
                frame.flags.insert(Flag::Fin);
            }
            if let Some(meta) = &opening
                && (at == 0 || profile.marking == Marking::Legacy)
            {
                frame.flags.insert(Flag::Syn);
                frame.meta = Some(meta.clone());
            }
            // To older readers MORE means that the result goes on.
            if profile.is_legacy && matches!(kind, Some(Kind::AgentPartial | Kind::AgentProvisional)) {
                frame.flags.insert(Flag::More);
            }
            frames.push(Arc::new(frame));
        }
        if !profile.is_legacy {
            self.buffer.push(lane, seq, frames.clone(), bytes, keep(kind));
        }
        if is_away {
            self.buffer.shed();
        }
        Ok(frames)
    }

    /// The last number given on a lane: what unsequenced frames carry.
    pub(super) fn current(&self, lane: &LaneId) -> u64 {
        self.sequencer.current(lane)
    }

    pub(super) fn acked(&mut self, lane: &LaneId, cum: u64) {
        self.buffer.acked(lane, cum.min(self.sequencer.current(lane)));
    }

    pub(super) fn nacked(
        &mut self,
        lane: &LaneId,
        seq: u64,
        missing: &[u32],
    ) -> Result<Vec<Arc<Frame<'static>>>, Gone> {
        let frames = self.buffer.nacked(lane, seq, missing)?;
        Ok(frames.into_iter().cloned().collect())
    }

    /// Everything unacknowledged, lane by lane in order, and how many messages that is.
    pub(super) fn unacknowledged(&self) -> (u64, Vec<Arc<Frame<'static>>>) {
        let mut messages = 0;
        let mut frames = Vec::new();
        for lane in self.buffer.lanes() {
            for (_, fragments) in self.buffer.after(lane, 0) {
                messages += 1;
                frames.extend(fragments.iter().cloned());
            }
        }
        (messages, frames)
    }

    pub(super) fn gap(&self, lane: &LaneId) -> Option<Gap> {
        self.buffer.gap(lane)
    }

    /// Whether the peer has everything.
    pub(super) fn is_settled(&self) -> bool {
        self.buffer.is_empty()
    }

    /// `Some(true)` when the buffer has become full, `Some(false)` when it has room again.
    pub(super) fn turned(&mut self) -> Option<bool> {
        let is_full = !self.buffer.has_credit();
        (is_full != std::mem::replace(&mut self.was_full, is_full)).then_some(is_full)
    }
}

/// Cuts a whole message for a connection, as one that was made for it is cut: what is kept of a stream is whole, because who
/// reads it next may have agreed on something else.
///
/// # Errors
/// `ETOOBIG` for a message of too many fragments.
pub fn fragments(mut frame: Frame<'static>, profile: &Profile) -> Result<Vec<Frame<'static>>, Fault> {
    if !frame.payload.kind.is_some_and(Kind::is_sequenced) {
        return Ok(vec![frame]);
    }
    let tier = frame.qos.unwrap_or(Tier::Silver);
    let empty = Payload::new(Kind::Heartbeat, Value::Null);
    let payloads = content::cut(std::mem::replace(&mut frame.payload, empty), tier, profile)?;
    for marker in [Flag::More, Flag::Frag, Flag::Last] {
        frame.flags.remove(marker);
    }
    let count = payloads.len();
    let cut = payloads.into_iter().enumerate().map(|(at, payload)| {
        let mut frame = Frame {
            frag_seq: at as u32,
            payload,
            ..frame.clone()
        };
        profile.mark(&mut frame.flags, at, count);
        frame
    });
    Ok(cut.collect())
}

/// Bytes a frame takes up in a buffer, roughly.
#[must_use]
pub fn weight(frame: &Frame<'_>) -> usize {
    const BASE: usize = 256;
    BASE + content::size(&frame.payload)
}

/// Results that are one of many may be lost when nobody takes them; everything else may not.
const fn keep(kind: Option<Kind>) -> Keep {
    match kind {
        Some(
            Kind::AgentPartial
            | Kind::AgentProvisional
            | Kind::AgentLog
            | Kind::AgentEvent
            | Kind::AgentStream,
        ) => Keep::WhileRoom,
        _ => Keep::Always,
    }
}
