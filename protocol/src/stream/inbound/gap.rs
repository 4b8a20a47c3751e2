//! Messages that do not come: how long a lane waits, asks, and goes on without them or fails (atp.md 10.4, 11.2).

use super::lane::MessageGap;
use super::{Inbound, Received};
use crate::error::{Code, Fault, Scope};
use crate::frame::Frame;
use crate::ids::LaneId;
use crate::payload::Kind;
use crate::stream::Profile;
use crate::units::Millis;

impl Inbound {
    /// Goes on without a message if it was a partial or a log, or if nobody can ask for it; fails the lane otherwise.
    pub(super) fn give_up(
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
            self.ahead_bytes -= lane.fail();
            let fault = Fault::new(Code::SeqRetry, "a message of the lane is lost").scoped(Scope::Lane);
            out.push(Received::LaneFailed(id.clone(), fault.terminal()));
            return;
        }
        let mut ready = lane.order.skip(seq);
        while was_never_sent
            && let Some(next) = lane.order.gap()
            && !self.reassembler.holds(&(id.clone(), next))
        {
            ready.extend(lane.order.skip(next));
        }
        self.release(ready, out);
        self.watch_gap(now, id, profile);
        self.hand_on_next(id, out);
    }

    /// Starts, keeps or stops the timer of a missing message. One whose fragments are coming has its own timer.
    pub(super) fn watch_gap(&mut self, now: Millis, id: &LaneId, profile: &Profile) {
        let Some(lane) = self.lanes.get_mut(id) else {
            return;
        };
        let missing = lane
            .order
            .gap()
            .filter(|&seq| !self.reassembler.holds(&(id.clone(), seq)));
        match (missing, &lane.gap) {
            (None, None) => {}
            (None, Some(gap)) => {
                self.tally.hole_waits_ms.push(now.since(gap.since));
                lane.gap = None;
            }
            (Some(seq), Some(gap)) if gap.seq == seq => {}
            (Some(seq), _) => lane.gap = Some(MessageGap::new(now, seq, profile.reassembly.gap_ttl_ms)),
        }
    }

    pub(super) fn tick_lane(&mut self, now: Millis, id: &LaneId, profile: &Profile, out: &mut Vec<Received>) {
        let Some(lane) = self.lanes.get_mut(id) else {
            return;
        };
        if lane.acks.due(profile.acks()).is_some_and(|due| due <= now) {
            self.tally.acknowledged += lane.acknowledged();
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
            self.tally.requested += 1;
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
