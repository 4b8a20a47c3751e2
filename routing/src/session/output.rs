//! What the client sees as it comes (atp.md 19.1): the text of a single live lane, and exposed lanes' own.

use smallvec::SmallVec;

use super::action::{Cause, Step};
use super::input::Piece;
use super::machine::ParallelSession;
use super::params::LaneIx;
use super::rules::{Rule, State};

impl ParallelSession {
    /// Sends what has been delivered since the last time, as far as it may be seen.
    pub(super) fn flush(&mut self) {
        if self.is_client_blocked {
            self.hold_for_client();
            return;
        }
        if let Some(lane) = self.forwarding() {
            self.forward(lane);
        }
        for at in 0..self.lanes.len() {
            if !self.lanes[at].state.is_terminal() {
                self.expose(LaneIx(at));
            }
        }
    }

    /// Sends the last of a lane that is about to end, where the client is following it.
    ///
    /// An answer that came whole is no partial: it is left to the final.
    pub(super) fn flush_last(&mut self, lane: LaneIx) {
        if self.is_client_blocked {
            return;
        }
        if self.forwarded == Some(lane) {
            self.forward(lane);
        }
        self.expose(lane);
    }

    /// The lane whose text is the answer's: the one that began to go out, or the only one that can still answer.
    fn forwarding(&self) -> Option<LaneIx> {
        if !self.params.wants_text {
            return None;
        }
        if let Some(lane) = self.forwarded {
            return (!self.lanes[lane.0].state.is_terminal()).then_some(lane);
        }
        let mut live = self
            .lanes
            .iter()
            .enumerate()
            .filter(|(_, lane)| !lane.state.is_terminal());
        let (at, _) = live.next()?;
        let is_alone = live.next().is_none() && self.finalized() == 0;
        (is_alone && self.may_reveal()).then_some(LaneIx(at))
    }

    fn forward(&mut self, lane: LaneIx) {
        let state = &mut self.lanes[lane.0];
        let pieces: SmallVec<[Piece; 1]> = std::mem::take(&mut state.forward)
            .into_iter()
            .map(Piece::Forward)
            .chain(state.unsent())
            .collect();
        if pieces.is_empty() {
            return;
        }
        self.forwarded = Some(lane);
        if !self.params.provisional.is_agreed {
            self.committed = Some(lane);
        }
        let has_end = matches!(self.state, State::Buffering | State::Provisional);
        let rule = if has_end { Rule::FurtherEnd } else { Rule::Partial };
        for piece in pieces {
            self.act(Cause::Rule(rule), Step::EmitText { lane, piece });
        }
    }

    fn expose(&mut self, lane: LaneIx) {
        if self.params.expose_lanes
            && self.may_reveal()
            && let Some(piece) = self.lanes[lane.0].unexposed()
        {
            self.act(Cause::Output, Step::EmitLanePartial { lane, piece });
        }
    }

    /// The client keeps up again, or does not.
    pub(super) fn on_client(&mut self, is_blocked: bool) -> bool {
        self.is_client_blocked = is_blocked;
        self.hold_for_client();
        true
    }

    /// While the client is blocked, lanes whose text it is shown are not read from.
    fn hold_for_client(&mut self) {
        let forwarding = self.forwarding();
        for at in 0..self.lanes.len() {
            let lane = LaneIx(at);
            let is_shown = self.params.expose_lanes || forwarding == Some(lane);
            self.lanes[at].hold.client = self.is_client_blocked && is_shown;
            self.sync_hold(lane);
        }
    }
}
