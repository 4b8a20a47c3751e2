//! The receiving half of a stream: joins fragments, orders messages lane by lane, acknowledges, asks again.

mod arrival;
mod gap;
mod lane;

use std::collections::BTreeMap;

use lane::LaneIn;

use super::{Footprint, Joined, Profile, StreamKey, Tally};
use crate::ack::Arrived;
use crate::error::{Code, Fault, Scope};
use crate::fragment::{Key, Overdue, Reassembler};
use crate::frame::Frame;
use crate::ids::LaneId;
use crate::lane::Position;
use crate::payload::Ack;
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
    /// Bytes of whole messages that wait for earlier ones.
    ahead_bytes: usize,
    /// What happened since it was taken.
    tally: Tally,
    joined: Vec<Joined>,
}

impl Inbound {
    pub(super) fn new(profile: &Profile) -> Self {
        Self {
            lanes: BTreeMap::new(),
            reassembler: Reassembler::new(profile.reassembly),
            ahead_bytes: 0,
            tally: Tally::default(),
            joined: Vec::new(),
        }
    }

    /// What is held back.
    pub(super) fn footprint(&self) -> Footprint {
        Footprint {
            lanes: self.lanes.len(),
            reassembling: self.reassembler.messages(),
            bytes: self.reassembler.bytes() + self.ahead_bytes,
        }
    }

    /// What happened since this was last called.
    pub(super) fn take_tally(&mut self, key: &StreamKey) -> Tally {
        self.tally.missing = self.reassembler.take_missing();
        let joined = self.joined.drain(..).map(|joined| (key.clone(), joined));
        self.tally.joined.extend(joined);
        std::mem::take(&mut self.tally)
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
            Position::Duplicate => {
                self.tally.duplicate_messages += 1;
                self.acknowledge(now, &(id.clone(), seq), Arrived::Duplicate, profile, &mut out)
            }
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
                } => {
                    self.tally.requested += u32::try_from(missing.len()).unwrap_or(u32::MAX);
                    out.push(Received::Nack { lane, seq, missing });
                }
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
        let is_pending = lane.acks.is_pending();
        is_pending.then(|| {
            self.tally.acknowledged += lane.acknowledged();
            ack
        })
    }

    /// Notes what arrived of a message, and acknowledges it if it is time.
    fn acknowledge(
        &mut self,
        now: Millis,
        (id, seq): &Key,
        what: Arrived,
        profile: &Profile,
        out: &mut Vec<Received>,
    ) {
        let Some(lane) = self.lanes.get_mut(id) else {
            return;
        };
        lane.latest = *seq;
        lane.unacknowledged += u32::from(what != Arrived::Duplicate);
        if lane.acks.arrived(now, what, profile.acks()) {
            self.tally.acknowledged += lane.acknowledged();
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
}
