//! The receiving half of a stream: joins fragments, orders messages lane by lane, acknowledges, asks again.

use std::collections::BTreeMap;

use super::Profile;
use super::content;
use super::lane::{LaneIn, MessageGap};
use crate::ack::Arrived;
use crate::error::{Code, Fault, Scope};
use crate::fragment::{Body, Fragment, Key, Markers, Overdue, Pushed, Reassembler, Whole};
use crate::frame::{Flag, Frame};
use crate::ids::LaneId;
use crate::lane::Position;
use crate::payload::{Ack, Kind};
use crate::sign::fragment::Checksum;
use crate::units::Millis;

/// What the receiving half asks for.
#[derive(Debug)]
pub(super) enum Received {
    /// The next message of its lane, or the next piece of one.
    Message(Box<Frame<'static>>),
    /// Tell the sender what arrived.
    Ack(LaneId, Ack),
    /// Tell the sender what is wrong with a message.
    Error { lane: LaneId, seq: u64, fault: Fault },
    /// Ask the sender for fragments; none named means the whole message.
    Nack {
        lane: LaneId,
        seq: u64,
        missing: Vec<u32>,
    },
    /// The lane cannot go on.
    LaneFailed(LaneId, Fault),
}

#[derive(Debug)]
pub(super) struct Inbound {
    lanes: BTreeMap<LaneId, LaneIn>,
    reassembler: Reassembler<Frame<'static>>,
}

impl Inbound {
    pub(super) fn new(profile: &Profile) -> Self {
        Self {
            lanes: BTreeMap::new(),
            reassembler: Reassembler::new(profile.reassembly),
        }
    }

    /// Bytes under reassembly.
    pub(super) const fn bytes(&self) -> usize {
        self.reassembler.bytes()
    }

    /// Everything of a lane up to this number was delivered.
    pub(super) fn cum(&self, lane: &LaneId) -> u64 {
        self.lanes.get(lane).map_or(0, |lane| lane.order.cum())
    }

    /// Lanes that received something.
    pub(super) fn cums(&self) -> impl Iterator<Item = (&LaneId, u64)> {
        self.lanes.iter().map(|(id, lane)| (id, lane.order.cum()))
    }

    /// Whether every message that began has ended, and none is missing.
    pub(super) fn is_settled(&self) -> bool {
        self.reassembler.next_deadline().is_none()
            && self.lanes.values().all(|lane| lane.order.gap().is_none())
    }

    /// Takes a sequenced frame. `room`: bytes the connection may still buffer.
    pub(super) fn receive(
        &mut self,
        now: Millis,
        frame: Frame<'static>,
        room: usize,
        profile: &Profile,
    ) -> Vec<Received> {
        let id = frame.payload.lane();
        let seq = frame.msg_seq;
        if !self.lanes.contains_key(&id) && self.lanes.len() >= profile.limits.lanes {
            let fault = Fault::new(Code::Window, "too many lanes on the stream; open another stream");
            return vec![Received::Error {
                lane: id,
                seq,
                fault: fault.scoped(Scope::Lane).terminal(),
            }];
        }
        let lane = self
            .lanes
            .entry(id.clone())
            .or_insert_with(|| LaneIn::new(profile.start()));
        if lane.is_failed {
            return Vec::new();
        }
        lane.latest = seq;
        let mut out = Vec::new();
        match lane.order.position(seq) {
            Position::TooFar => out.push(Received::Error {
                lane: id.clone(),
                seq,
                fault: Fault::new(
                    Code::Window,
                    "msg_seq is over 256 ahead; send the missing messages first",
                )
                .scoped(Scope::Lane),
            }),
            Position::Duplicate => self.acknowledge(now, &id, Arrived::Duplicate, profile, &mut out),
            Position::Next | Position::Ahead => self.arrive(now, &id, frame, room, profile, &mut out),
        }
        self.watch_gap(now, &id, profile);
        out
    }

    /// Whether a message of a lane is neither delivered nor complete.
    pub(super) fn awaits(&self, id: &LaneId, seq: u64) -> bool {
        let position = |lane: &LaneIn| lane.order.position(seq);
        self.lanes
            .get(id)
            .is_some_and(|lane| matches!(position(lane), Position::Next | Position::Ahead))
    }

    /// The peer can no longer send a message: goes on without it if the lane can.
    pub(super) fn gone(&mut self, now: Millis, id: &LaneId, seq: u64, profile: &Profile) -> Vec<Received> {
        let mut out = Vec::new();
        self.give_up(now, id, seq, None, profile, &mut out);
        out
    }

    pub(super) fn tick(&mut self, now: Millis, jitter: f64, profile: &Profile) -> Vec<Received> {
        let mut out = Vec::new();
        for overdue in self.reassembler.tick(now, jitter) {
            match overdue {
                Overdue::Nack {
                    key: (lane, seq),
                    missing,
                } => out.push(Received::Nack { lane, seq, missing }),
                Overdue::Abandoned {
                    key: (lane, seq),
                    header,
                    fault,
                } => {
                    if let Some(fault) = fault {
                        let lane = lane.clone();
                        out.push(Received::Error { lane, seq, fault });
                    }
                    self.give_up(now, &lane, seq, header.as_ref(), profile, &mut out);
                }
            }
        }
        let ids: Vec<LaneId> = self
            .lanes
            .iter()
            .filter(|(_, lane)| lane.next_deadline(profile).is_some_and(|due| due <= now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            self.tick_lane(now, &id, profile, &mut out);
        }
        out
    }

    pub(super) fn next_deadline(&self, profile: &Profile) -> Option<Millis> {
        let lanes = self
            .lanes
            .values()
            .filter_map(|lane| lane.next_deadline(profile))
            .min();
        lanes.into_iter().chain(self.reassembler.next_deadline()).min()
    }

    /// The pending acknowledgement of a lane, to ride along on another frame.
    pub(super) fn take_ack(&mut self, id: &LaneId) -> Option<Ack> {
        let ack = self.ack(id)?;
        let lane = self.lanes.get_mut(id)?;
        lane.acks.is_pending().then(|| {
            lane.acks.sent();
            ack
        })
    }

    fn arrive(
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
            self.arrive_whole(now, &key, frame, profile, out);
        } else {
            self.arrive_fragment(now, &key, frame, markers, room, profile, out);
        }
    }

    fn arrive_whole(
        &mut self,
        now: Millis,
        key: &Key,
        mut frame: Frame<'static>,
        profile: &Profile,
        out: &mut Vec<Received>,
    ) {
        if let Some(text) = &frame.payload.checksum {
            let is_sound = Checksum::parse(text).is_some_and(|sum| content::admits(&frame.payload, sum));
            if !is_sound {
                self.damaged(key, profile, out);
                return;
            }
        }
        unmark(&mut frame);
        self.deliver(now, key, frame, 0, profile, out);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one step of `receive`, split for reading"
    )]
    fn arrive_fragment(
        &mut self,
        now: Millis,
        key: &Key,
        frame: Frame<'static>,
        markers: Markers,
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
            markers,
            checksum: frame.payload.checksum.as_deref().map(Checksum::parse),
            body,
            header: frame,
        };
        match self.reassembler.push(now, key, fragment, room) {
            Pushed::Held => {
                self.hand_on(key, out);
                self.acknowledge(now, &key.0, Arrived::Fragment, profile, out);
            }
            Pushed::Complete(whole) => self.complete(now, key, whole, profile, out),
            Pushed::Late | Pushed::Conflict => {}
            Pushed::BadChecksum => self.damaged(key, profile, out),
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
        self.deliver(now, key, frame, pieces.len() as u32 - 1, profile, out);
    }

    /// Delivers a complete message in its turn, and whatever waited for it.
    fn deliver(
        &mut self,
        now: Millis,
        key: &Key,
        frame: Frame<'static>,
        last_fragment: u32,
        profile: &Profile,
        out: &mut Vec<Received>,
    ) {
        let Some(lane) = self.lanes.get_mut(&key.0) else {
            return;
        };
        lane.completed = Some((key.1, last_fragment));
        let ready = lane.order.accept(key.1, frame);
        out.extend(ready.into_iter().map(|frame| Received::Message(Box::new(frame))));
        self.acknowledge(now, &key.0, Arrived::Completion, profile, out);
        self.hand_on_next(&key.0, out);
    }

    /// Hands on what is contiguous of a partial that is the next of its lane: partials need not be whole.
    fn hand_on(&mut self, key: &Key, out: &mut Vec<Received>) {
        let is_next = self
            .lanes
            .get(&key.0)
            .is_some_and(|lane| lane.order.position(key.1) == Position::Next);
        let is_stream = self
            .reassembler
            .header(key)
            .is_some_and(|frame| matches!(frame.payload.kind, Some(Kind::AgentPartial | Kind::AgentStream)));
        let is_text = self
            .reassembler
            .header(key)
            .is_some_and(|frame| frame.payload.text().is_some());
        if !is_next || !is_stream || !is_text {
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
            frame
                .payload
                .content
                .as_mut()
                .and_then(crate::value::Value::as_object_mut),
        ) {
            object.set("text", text);
            out.push(Received::Message(Box::new(frame)));
        }
    }

    fn hand_on_next(&mut self, id: &LaneId, out: &mut Vec<Received>) {
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

    /// Goes on without a message if it was a partial or a log, or if nobody can ask for it; fails the lane otherwise.
    fn give_up(
        &mut self,
        now: Millis,
        id: &LaneId,
        seq: u64,
        header: Option<&Frame<'static>>,
        profile: &Profile,
        out: &mut Vec<Received>,
    ) {
        let Some(lane) = self.lanes.get_mut(id) else {
            return;
        };
        let can_skip = header
            .is_some_and(|frame| matches!(frame.payload.kind, Some(Kind::AgentPartial | Kind::AgentLog)));
        // An older client's numbering may have holes that were never messages.
        let was_never_sent = profile.is_legacy && header.is_none();
        if !can_skip && !was_never_sent {
            lane.fail();
            let fault = Fault::new(Code::SeqRetry, "a message of the lane is lost").scoped(Scope::Lane);
            out.push(Received::LaneFailed(id.clone(), fault.terminal()));
            return;
        }
        let ready = lane.order.skip(seq);
        out.extend(ready.into_iter().map(|frame| Received::Message(Box::new(frame))));
        self.watch_gap(now, id, profile);
        self.hand_on_next(id, out);
    }

    fn acknowledge(
        &mut self,
        now: Millis,
        id: &LaneId,
        what: Arrived,
        profile: &Profile,
        out: &mut Vec<Received>,
    ) {
        let Some(lane) = self.lanes.get_mut(id) else {
            return;
        };
        if lane.acks.arrived(now, what, profile.acks()) {
            lane.acks.sent();
            if let Some(ack) = self.ack(id) {
                out.push(Received::Ack(id.clone(), ack));
            }
        }
    }

    /// What is to be said of the lane's latest message.
    fn ack(&self, id: &LaneId) -> Option<Ack> {
        let lane = self.lanes.get(id)?;
        let key = (id.clone(), lane.latest);
        let held = self.reassembler.ack_up_to(&key);
        let whole = lane.completed.filter(|&(seq, _)| seq == lane.latest);
        Some(Ack {
            msg_seq: Some(lane.latest),
            ack_up_to: held.or(whole.map(|(_, last)| last.into())),
            completed: held.is_none(),
            cum: Some(lane.order.cum()),
        })
    }

    /// Starts, keeps or stops the timer of a missing message. One whose fragments are coming has its own timer.
    fn watch_gap(&mut self, now: Millis, id: &LaneId, profile: &Profile) {
        let Some(lane) = self.lanes.get_mut(id) else {
            return;
        };
        let missing = lane
            .order
            .gap()
            .filter(|&seq| !self.reassembler.holds(&(id.clone(), seq)));
        match (missing, &lane.gap) {
            (None, _) => lane.gap = None,
            (Some(seq), Some(gap)) if gap.seq == seq => {}
            (Some(seq), _) => lane.gap = Some(MessageGap::new(now, seq, profile.reassembly.gap_ttl_ms)),
        }
    }

    fn tick_lane(&mut self, now: Millis, id: &LaneId, profile: &Profile, out: &mut Vec<Received>) {
        let Some(lane) = self.lanes.get_mut(id) else {
            return;
        };
        if lane.acks.due(profile.acks()).is_some_and(|due| due <= now) {
            lane.acks.sent();
            if let Some(ack) = self.ack(id) {
                out.push(Received::Ack(id.clone(), ack));
            }
        }
        let Some(gap) = self.lanes.get_mut(id).and_then(|lane| lane.gap.as_mut()) else {
            return;
        };
        if gap.due > now {
            return;
        }
        let seq = gap.seq;
        if profile.has_nack && gap.nacks < profile.reassembly.max_nacks {
            gap.asked(now, profile.reassembly.gap_ttl_ms);
            out.push(Received::Nack {
                lane: id.clone(),
                seq,
                missing: Vec::new(),
            });
            return;
        }
        let fault = Fault::new(Code::SeqRetry, "the message is missing and given up").scoped(Scope::Message);
        out.push(Received::Error {
            lane: id.clone(),
            seq,
            fault: fault.terminal(),
        });
        self.give_up(now, id, seq, None, profile, out);
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

/// Whether a message is one of several of a result.
fn is_unfinished(frame: &Frame<'_>) -> bool {
    matches!(
        frame.payload.kind,
        Some(Kind::AgentPartial | Kind::AgentProvisional)
    )
}
