//! Time: what is due, and when the session wants to be ticked.

use atp_protocol::error::{Code, Fault};
use atp_protocol::units::Millis;

use super::action::CancelReason;
use super::escalation::NoRewrite;
use super::lane::{LaneState, LaneTimer};
use super::machine::ParallelSession;
use super::params::LaneIx;
use super::rules::State;
use crate::policy::Trigger;

impl ParallelSession {
    /// When to call [`ParallelSession::handle`] with `Tick` if nothing comes before; `None` before the start and after the
    /// end.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        if self.started.is_none() || self.state.is_terminal() {
            return None;
        }
        let lanes = self
            .lanes
            .iter()
            .filter_map(|lane| lane.due(&self.params.timers))
            .map(|(at, _)| at);
        // Moments at which a guard may turn true; once past, an input has to come.
        let moments = [self.slow_at(), self.showable_at()]
            .into_iter()
            .flatten()
            .filter(|at| *at > self.now);
        let until = if self.state == State::Arbiter {
            self.arbiter_until.unwrap_or(self.deadline())
        } else {
            self.deadline()
        };
        lanes.chain(moments).chain(self.show_due()).chain([until]).min()
    }

    /// Lets happen what is due. Bounded: each timer of a lane ends it, ends a hole or a grace, or starts a retry.
    pub(super) fn expire(&mut self) {
        if self.state == State::Arbiter && self.arbiter_until.is_some_and(|until| self.now >= until) {
            self.arbitrated.get_or_insert(Err(NoRewrite::Failed));
        }
        if self.is_late() {
            return;
        }
        for at in 0..self.lanes.len() {
            while let Some((_, timer)) = self.lanes[at]
                .due(&self.params.timers)
                .filter(|(due, _)| *due <= self.now)
            {
                self.fire(LaneIx(at), timer);
            }
        }
    }

    fn fire(&mut self, at: LaneIx, timer: LaneTimer) {
        let now = self.now;
        let lane = &mut self.lanes[at.0];
        let detail = match timer {
            LaneTimer::Gap => {
                lane.give_up_gap(now);
                self.deliver(at);
                return;
            }
            LaneTimer::Grace => {
                lane.end_grace();
                self.sync_hold(at);
                return;
            }
            LaneTimer::FirstChunk => "no first chunk in time",
            LaneTimer::Idle => "no further chunk in time",
            LaneTimer::Pause => "paused too long",
        };
        self.cancel_and_fail(at, CancelReason::TimedOut, Fault::new(Code::Timeout, detail));
    }

    /// 60 % of the hoped-for latency, if that is a reason to ask another lane.
    fn slow_at(&self) -> Option<Millis> {
        let slo = self.params.latency_slo_ms?;
        let is_enabled = self.params.escalation.on.contains(&Trigger::Latency) && !self.is_slowness_seen;
        is_enabled.then(|| {
            self.started
                .unwrap_or(self.now)
                .plus(slo.saturating_mul(3) / 5)
                .plus(1)
        })
    }

    /// Whether the hoped-for latency is about to be missed without a final.
    pub(super) fn is_slow(&self) -> bool {
        self.slow_at().is_some_and(|at| self.now >= at)
            && !self.lanes.iter().any(|lane| lane.state == LaneState::Finalized)
    }
}
