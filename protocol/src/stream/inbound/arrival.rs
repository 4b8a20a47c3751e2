//! A frame that is neither a duplicate nor too far ahead: joined if it is a fragment, delivered in its turn.

use super::lane::Ready;
use super::{Inbound, Received};
use crate::ack::Arrived;
use crate::error::{Code, Fault, Scope};
use crate::fragment::{Body, Fragment, Key, Markers, Pushed, Whole};
use crate::frame::{Flag, Frame};
use crate::ids::LaneId;
use crate::lane::Position;
use crate::payload::Kind;
use crate::sign::fragment::Checksum;
use crate::stream::{Joined, Profile, content};
use crate::units::Millis;
use crate::value::Value;

impl Inbound {
    pub(super) fn arrive(
        &mut self,
        now: Millis,
        id: &LaneId,
        frame: Frame<'static>,
        room: usize,
        profile: &Profile,
        out: &mut Vec<Received>,
    ) {
        let key = (id.clone(), frame.msg_seq);
        let markers = markers(&frame);
        // Older senders put MORE on every partial, meaning that the result goes on.
        let means_fragments = markers.more && !(profile.is_legacy && is_unfinished(&frame) && !markers.frag);
        // A legacy message of one fragment says so by both markers; it needs no joining either.
        let is_middle = markers.frag && !markers.last;
        let is_whole = frame.frag_seq == 0 && !means_fragments && !is_middle;
        if is_whole && !self.reassembler.holds(&key) {
            self.arrive_whole(now, &key, frame, room, profile, out);
        } else {
            self.arrive_fragment(now, &key, frame, room, profile, out);
        }
    }

    fn arrive_whole(
        &mut self,
        now: Millis,
        key: &Key,
        mut frame: Frame<'static>,
        room: usize,
        profile: &Profile,
        out: &mut Vec<Received>,
    ) {
        if let Some(text) = &frame.payload.checksum {
            let is_sound = Checksum::parse(text).is_some_and(|sum| content::admits(&frame.payload, sum));
            if !is_sound {
                self.tally.fragment_checksum_failures += 1;
                self.damaged(key, profile, out);
                return;
            }
        }
        let charged = self.charge(key, &frame);
        if charged > room {
            out.push(Received::Error {
                lane: key.0.clone(),
                seq: key.1,
                fault: Fault::new(
                    Code::Window,
                    "too many bytes wait for an earlier message; send that first",
                )
                .scoped(Scope::Message),
            });
            return;
        }
        unmark(&mut frame);
        self.tally.whole_messages += 1;
        self.deliver(now, key, Ready::new(frame, charged), 0, profile, out);
    }

    fn arrive_fragment(
        &mut self,
        now: Millis,
        key: &Key,
        frame: Frame<'static>,
        room: usize,
        profile: &Profile,
        out: &mut Vec<Received>,
    ) {
        let error = |fault| Received::Error {
            lane: key.0.clone(),
            seq: key.1,
            fault,
        };
        let Some(body) = content::body(&frame.payload) else {
            let fault =
                Fault::new(Code::Proto, "a fragment's content needs text or b64").scoped(Scope::Frame);
            out.push(error(fault));
            return;
        };
        let fragment = Fragment {
            frag_seq: frame.frag_seq,
            markers: markers(&frame),
            checksum: frame.payload.checksum.as_deref().map(Checksum::parse),
            body,
            header: frame,
        };
        match self.reassembler.push(now, key, fragment, room) {
            Pushed::Held => {
                self.hand_on(key, out);
                self.acknowledge(now, key, Arrived::Fragment, profile, out);
            }
            Pushed::Complete(whole) => self.complete(now, key, whole, profile, out),
            Pushed::Late => self.tally.late_fragments += 1,
            Pushed::Conflict => self.tally.fragment_conflicts += 1,
            Pushed::BadChecksum => {
                self.tally.fragment_checksum_failures += 1;
                self.damaged(key, profile, out);
            }
            Pushed::Refused(fault) => out.push(error(fault)),
            Pushed::Abandoned(fault) => {
                out.push(error(fault));
                self.give_up(now, &key.0, key.1, None, profile, out);
            }
        }
    }

    fn complete(
        &mut self,
        now: Millis,
        key: &Key,
        whole: Whole<Frame<'static>>,
        profile: &Profile,
        out: &mut Vec<Received>,
    ) {
        let Whole {
            header: mut frame,
            pieces,
            handed,
            checksum,
        } = whole;
        let rest = Body::join(&pieces[handed..]).unwrap_or_else(|| Body::Text(String::new()));
        frame.payload.checksum = Some(checksum.into());
        unmark(&mut frame);
        frame.flags.insert(Flag::Reassembled);
        frame.frag_seq = handed as u32;
        if let Err(fault) = content::rejoin(&mut frame.payload, rest, profile) {
            let lane = key.0.clone();
            out.push(Received::Error {
                lane,
                seq: key.1,
                fault,
            });
            self.give_up(now, &key.0, key.1, Some(&frame), profile, out);
            return;
        }
        let charged = self.charge(key, &frame);
        let last_fragment = pieces.len() as u32 - 1;
        self.joined.push(Joined {
            msg_seq: key.1,
            parts: pieces.len() as u32,
            bytes: pieces.iter().map(Body::len).sum(),
        });
        self.deliver(now, key, Ready::new(frame, charged), last_fragment, profile, out);
    }

    /// Delivers a complete message in its turn, and whatever waited for it.
    fn deliver(
        &mut self,
        now: Millis,
        key: &Key,
        ready: Ready,
        last_fragment: u32,
        profile: &Profile,
        out: &mut Vec<Received>,
    ) {
        let Some(lane) = self.lanes.get_mut(&key.0) else {
            return;
        };
        lane.completed = Some((key.1, last_fragment));
        self.ahead_bytes += ready.charged;
        let ready = lane.order.accept(key.1, ready);
        self.release(ready, out);
        self.acknowledge(now, key, Arrived::Completion, profile, out);
        self.hand_on_next(&key.0, out);
    }

    /// Passes messages on whose turn has come.
    pub(super) fn release(&mut self, ready: Vec<Ready>, out: &mut Vec<Received>) {
        for Ready { frame, charged } in ready {
            self.ahead_bytes -= charged;
            out.push(Received::Message(frame));
        }
    }

    /// Bytes a message is charged if it has to wait for an earlier one.
    fn charge(&self, key: &Key, frame: &Frame<'_>) -> usize {
        let is_next = self
            .lanes
            .get(&key.0)
            .is_some_and(|lane| lane.order.position(key.1) == Position::Next);
        if is_next { 0 } else { content::size(&frame.payload) }
    }

    /// Hands on what is contiguous of a partial that is the next of its lane: partials need not be whole.
    fn hand_on(&mut self, key: &Key, out: &mut Vec<Received>) {
        let is_next = self
            .lanes
            .get(&key.0)
            .is_some_and(|lane| lane.order.position(key.1) == Position::Next);
        if !is_next || !self.reassembler.header(key).is_some_and(is_streamed) {
            return;
        }
        let Some((header, from, pieces)) = self.reassembler.hand_on(key) else {
            return;
        };
        let mut frame = header.clone();
        unmark(&mut frame);
        frame.frag_seq = from;
        if let (Some(Body::Text(text)), Some(object)) = (
            Body::join(&pieces),
            frame.payload.content.as_mut().and_then(Value::as_object_mut),
        ) {
            object.set("text", text);
            out.push(Received::Message(Box::new(frame)));
        }
    }

    pub(super) fn hand_on_next(&mut self, id: &LaneId, out: &mut Vec<Received>) {
        if let Some(lane) = self.lanes.get(id) {
            let next = lane.order.cum() + 1;
            self.hand_on(&(id.clone(), next), out);
        }
    }

    /// A damaged fragment is as good as lost; without `nack` its sender has to be told.
    fn damaged(&mut self, key: &Key, profile: &Profile, out: &mut Vec<Received>) {
        if profile.has_nack {
            return;
        }
        out.push(Received::Error {
            lane: key.0.clone(),
            seq: key.1,
            fault: Fault::new(
                Code::Proto,
                "the checksum does not match; send the fragment again",
            )
            .scoped(Scope::Frame),
        });
    }
}

fn markers(frame: &Frame<'_>) -> Markers {
    Markers {
        more: frame.flags.has(Flag::More),
        frag: frame.flags.has(Flag::Frag),
        last: frame.flags.has(Flag::Last),
    }
}

fn unmark(frame: &mut Frame<'_>) {
    for marker in [Flag::More, Flag::Frag, Flag::Last] {
        frame.flags.remove(marker);
    }
}

/// Whether a message is worth having piece by piece: text of a lane.
fn is_streamed(frame: &Frame<'_>) -> bool {
    let is_stream = matches!(frame.payload.kind, Some(Kind::AgentPartial | Kind::AgentStream));
    is_stream && frame.payload.text().is_some()
}

/// Whether a message is one of several of a result.
fn is_unfinished(frame: &Frame<'_>) -> bool {
    matches!(
        frame.payload.kind,
        Some(Kind::AgentPartial | Kind::AgentProvisional)
    )
}
