//! What happens to lanes (atp.md 19.4).

use atp_protocol::adapter::{AgentStatus, Usage};
use atp_protocol::error::{Code, Fault, Scope};

use super::action::{CancelReason, Cause, Event, Step};
use super::input::{Call, Chunk, LaneEnd};
use super::lane::{Lane, LaneEvent};
use super::machine::{ParallelSession, Stop};
use super::params::LaneIx;
use super::rules::{Rule, State};
use crate::reconcile::Rewrite;

impl ParallelSession {
    fn lane(&mut self, lane: LaneIx) -> Option<&mut Lane> {
        self.lanes.get_mut(lane.0)
    }

    /// The lane of a call that is the lane's latest and may be running.
    fn running(&mut self, call: Call) -> Option<&mut Lane> {
        self.lanes
            .get_mut(call.lane.0)
            .filter(|lane| lane.state.is_running() && lane.attempt == call.attempt)
    }

    pub(super) fn on_admitted(&mut self, lane: LaneIx) -> bool {
        let is_escalated = self.state != State::Init;
        let is_admitted = self.lane(lane).is_some_and(|lane| lane.on(LaneEvent::Admit));
        if is_admitted && is_escalated {
            self.dispatch(Cause::Rule(Rule::Escalate), lane);
        }
        is_admitted
    }

    pub(super) fn on_rejected(&mut self, lane: LaneIx, fault: Fault) -> bool {
        let Some(lane) = self.lane(lane) else {
            return false;
        };
        let is_rejected = lane.on(LaneEvent::Reject);
        if is_rejected {
            lane.fault = Some(fault);
        }
        is_rejected
    }

    /// Makes a lane's first call.
    pub(super) fn dispatch(&mut self, cause: Cause, lane: LaneIx) {
        let now = self.now;
        let Some(state) = self.lanes.get_mut(lane.0) else {
            return;
        };
        let target = state.plan.target;
        state.called(now, target, 0);
        let call = Call {
            lane,
            attempt: state.attempt,
        };
        self.act(
            cause,
            Step::Dispatch {
                call,
                target,
                delay_ms: 0,
            },
        );
    }

    pub(super) fn on_dispatched(&mut self, call: Call) -> bool {
        let Some(lane) = self.running(call) else {
            return false;
        };
        let is_new = lane.on(LaneEvent::Dispatched);
        self.sync_hold(call.lane);
        is_new
    }

    pub(super) fn on_chunk(&mut self, call: Call, chunk: Chunk) -> bool {
        let now = self.now;
        let Some(lane) = self.running(call) else {
            return false;
        };
        lane.on(LaneEvent::Dispatched);
        lane.take(now, chunk);
        self.deliver(call.lane);
        true
    }

    pub(super) fn on_final(&mut self, call: Call, end: Box<LaneEnd>) -> bool {
        let Some(lane) = self.running(call) else {
            return false;
        };
        lane.on(LaneEvent::Dispatched);
        lane.end(end);
        self.deliver(call.lane);
        true
    }

    /// Moves what is in order to the lane's answer, and ends the lane when that was the last of it.
    pub(super) fn deliver(&mut self, at: LaneIx) {
        let now = self.now;
        let Some(lane) = self.lanes.get_mut(at.0) else {
            return;
        };
        let delivered = lane.deliver(now, self.params.max_text_bytes);
        lane.hold.buffer = lane.reorder.is_full();
        let concluded = match delivered {
            Ok(_) if lane.is_conclusive() => lane.conclude(now, &self.params),
            Ok(_) => Ok(false),
            Err(too_big) => Err(too_big),
        };
        self.shown.note(at, delivered.unwrap_or(0));
        match concluded {
            Ok(true) => {
                self.flush_last(at);
                self.lanes[at.0].on(LaneEvent::End);
                self.settle(at);
                self.refresh_view();
            }
            Ok(false) => self.sync_hold(at),
            Err(_) => {
                let fault = Fault::new(Code::TooBig, "the lane's answer is over the message limit");
                self.cancel_and_fail(at, CancelReason::TooBig, fault);
            }
        }
    }

    pub(super) fn on_fail(&mut self, call: Call, fault: Fault, usage: Option<Usage>) -> bool {
        let Some(lane) = self.running(call) else {
            return false;
        };
        lane.report_usage(usage);
        if !self.retry(call.lane, &fault) {
            self.fail(call.lane, LaneEvent::Fail, fault);
        }
        true
    }

    /// Ends the running call, and the lane unless another target can be tried.
    pub(super) fn cancel_and_fail(&mut self, at: LaneIx, reason: CancelReason, fault: Fault) {
        let Some(lane) = self.lanes.get(at.0) else {
            return;
        };
        let call = Call {
            lane: at,
            attempt: lane.attempt,
        };
        self.act(Cause::Lane, Step::CancelLane { call, reason });
        if reason != CancelReason::TimedOut || !self.retry(at, &fault) {
            self.fail(at, LaneEvent::Fail, fault);
        }
    }

    /// The lane is over without an answer; what it said so far is kept.
    fn fail(&mut self, at: LaneIx, event: LaneEvent, fault: Fault) {
        let now = self.now;
        let Some(lane) = self.lanes.get_mut(at.0) else {
            return;
        };
        if !lane.on(event) {
            return;
        }
        let code = fault.code;
        lane.fault = Some(fault.scoped(Scope::Lane));
        lane.times.ended = Some(now);
        self.shown.lost(at);
        self.event(Cause::Lane, Event::LaneFailed, Some(at), code.as_str());
        self.settle(at);
    }

    pub(super) fn settle(&mut self, lane: LaneIx) {
        let outcome = Box::new(self.lanes[lane.0].outcome());
        self.act(Cause::Lane, Step::SettleLane { lane, outcome });
    }

    pub(super) fn on_agent_status(&mut self, at: LaneIx, status: AgentStatus) -> bool {
        let now = self.now;
        let Some(lane) = self.lane(at).filter(|lane| lane.state.is_running()) else {
            return false;
        };
        lane.agent(now, status);
        self.sync_hold(at);
        true
    }

    pub(super) fn sync_hold(&mut self, at: LaneIx) {
        let now = self.now;
        let Some(lane) = self.lanes.get_mut(at.0) else {
            return;
        };
        match lane.sync_hold(now) {
            Some(true) => self.act(Cause::Lane, Step::Pause { lane: at }),
            Some(false) => self.act(Cause::Lane, Step::Resume { lane: at }),
            None => {}
        }
    }

    pub(super) fn on_budget_exhausted(&mut self, at: LaneIx) -> bool {
        let Some(lane) = self.lane(at).filter(|lane| lane.state.is_running()) else {
            return false;
        };
        let call = Call {
            lane: at,
            attempt: lane.attempt,
        };
        // An admitted lane that was never called has nothing to cancel.
        if call.attempt > 0 {
            let reason = CancelReason::Budget;
            self.act(Cause::Lane, Step::CancelLane { call, reason });
        }
        let fault = Fault::new(Code::Budget, "the lane's share of the budget is used up");
        self.fail(at, LaneEvent::Cancel, fault);
        true
    }

    pub(super) fn on_arbiter(&mut self, result: Result<Box<Rewrite>, Fault>) -> bool {
        if self.state != State::Arbiter {
            return false;
        }
        match result {
            Ok(rewrite) => self.take_rewrite(*rewrite),
            Err(_) => self.arbitrated = Some(Err(super::escalation::NoRewrite::Failed)),
        }
        true
    }

    pub(super) fn on_stop(&mut self, stop: Stop) -> bool {
        self.stop = Some(stop);
        true
    }
}
