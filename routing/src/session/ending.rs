//! What each rule does when it applies, down to the one answer or failure.

use atp_protocol::error::{Code, Fault, Scope};

use super::action::{CancelReason, Cause, Event, Failure, FinalAnswer, Status, Step};
use super::input::Call;
use super::lane::{Lane, LaneEvent, LaneState};
use super::machine::{ParallelSession, Stop};
use super::params::LaneIx;
use super::rules::Rule;
use crate::reconcile::{Answer, Outcome};

impl ParallelSession {
    /// Carries out a rule; the state is the one it leads to.
    pub(super) fn enter(&mut self, rule: Rule) {
        let cause = Cause::Rule(rule);
        match rule {
            Rule::FanOut => {
                for at in 0..self.lanes.len() {
                    if self.lanes[at].state == LaneState::Admitted {
                        self.dispatch(cause, LaneIx(at));
                    }
                }
            }
            Rule::FirstSign | Rule::Partial | Rule::FirstEnd | Rule::FurtherEnd | Rule::Deadline => {}
            Rule::ShowProvisional => self.revise(Status::Provisional, rule),
            Rule::Downgrade => self.revise(Status::Downgraded, rule),
            Rule::Upgrade => self.revise(Status::Upgraded, rule),
            Rule::EarlyExit | Rule::Quorum | Rule::FinalQuorum => self.freeze(rule),
            Rule::Freeze => self.freeze_at_deadline(),
            Rule::Escalate => self.escalate(),
            Rule::AskArbiter => self.ask_arbiter(),
            Rule::Arbitrated | Rule::ArbiterFailed => {
                self.outcome = self.arbitrated.take().map(|arbitrated| match arbitrated {
                    Ok(outcome) => Ok(outcome),
                    Err(why) => self.without_arbiter(why),
                });
            }
            Rule::Answered => self.answer(),
            Rule::NoneAdmitted | Rule::NoneDispatched | Rule::NoneFinal => self.fail_session(rule),
            Rule::NothingUsable | Rule::Unreconciled | Rule::Stopped => self.fail_session(rule),
        }
    }

    /// Nothing that comes later counts: the lanes that live are called off, bronze ones first.
    fn freeze(&mut self, rule: Rule) {
        if self.live() > 0 {
            self.event(Cause::Rule(rule), Event::EarlyTermination, None, "answer_known");
        }
        self.call_off(rule, CancelReason::Superseded);
        let view = self.view.take().map(|view| view.outcome);
        self.outcome = Some(view.unwrap_or_else(|| self.reconcile_as(self.strategy(), false)));
        self.fall_back(false);
    }

    /// Time is up, or nothing better is to be had: what there is counts, partials included once time is up.
    fn freeze_at_deadline(&mut self) {
        let doubt = self.doubt();
        let is_late = self.is_late();
        if let Some((trigger, because)) = self.withheld() {
            self.act(Cause::Rule(Rule::Freeze), Step::Withhold { trigger, because });
        }
        self.call_off(Rule::Freeze, CancelReason::Deadline);
        self.outcome = Some(self.reconcile_as(self.strategy(), is_late));
        self.fall_back(is_late);
        if let Some(Ok(outcome)) = &mut self.outcome {
            if is_late {
                outcome
                    .consensus
                    .doubt("the deadline came before all lanes had ended".to_owned());
            }
            if let Some(trigger) = doubt {
                outcome
                    .consensus
                    .doubt(format!("{} and no better lane could be asked", trigger.as_str()));
            }
        }
    }

    /// The policy's second choice where its first one has no answer.
    fn fall_back(&mut self, partials: bool) {
        if let (Some(Err(_)), Some(strategy)) = (&self.outcome, self.params.on_failure) {
            self.outcome = Some(self.reconcile_as(strategy, partials));
        }
    }

    /// Cancels and settles every lane that lives: bronze first, then the others.
    fn call_off(&mut self, rule: Rule, reason: CancelReason) {
        let mut live: Vec<usize> = (0..self.lanes.len())
            .filter(|&at| !self.lanes[at].state.is_terminal())
            .collect();
        live.sort_by_key(|&at| (std::cmp::Reverse(self.lanes[at].plan.tier), at));
        for at in live {
            let now = self.now;
            let lane = &mut self.lanes[at];
            let was_admitted = lane.state != LaneState::Init;
            let call = Call {
                lane: LaneIx(at),
                attempt: lane.attempt,
            };
            if reason == CancelReason::Deadline && was_admitted {
                lane.fault = Some(Fault::new(Code::Timeout, "the session's deadline came first"));
                lane.on(LaneEvent::Fail);
            } else {
                lane.on(LaneEvent::Cancel);
            }
            lane.times.ended = Some(now);
            if call.attempt > 0 {
                self.act(Cause::Rule(rule), Step::CancelLane { call, reason });
            }
            if was_admitted {
                self.settle(LaneIx(at));
            }
        }
    }

    /// Rule 22.
    fn answer(&mut self) {
        let Some(Ok(outcome)) = self.outcome.take() else {
            return;
        };
        let answer = self.final_answer(*outcome);
        self.finish(Rule::Answered, Ok(answer));
    }

    fn final_answer(&self, mut outcome: Outcome) -> FinalAnswer {
        for at in &outcome.used {
            for doubt in &self.lanes[*at].doubts {
                outcome.consensus.doubt(doubt.clone());
            }
        }
        let sent = self.sent();
        let is_kept = outcome.answer.text.as_bytes().starts_with(sent.as_bytes());
        let is_cut = outcome
            .used
            .iter()
            .all(|at| self.lanes[*at].state != LaneState::Finalized);
        let aborted =
            is_cut.then(|| Fault::new(Code::Timeout, "the deadline came before any lane had ended"));
        FinalAnswer {
            sent: if is_kept { sent.len() } else { 0 },
            is_replacing: !is_kept,
            parts: outcome.parts,
            confidence: outcome.confidence,
            winner: outcome.winner.map(LaneIx),
            used: outcome.used.into_iter().map(LaneIx).collect(),
            reason: outcome.reason,
            consensus: outcome.consensus,
            answer: outcome.answer,
            is_partial_failure: self.failed() > 0,
            aborted,
            escalations: self.escalations,
        }
    }

    /// Text that went out on the default lane.
    fn sent(&self) -> &str {
        self.forwarded.map_or("", |lane| {
            let lane = &self.lanes[lane.0];
            &lane.answer.text[..lane.merged.text]
        })
    }

    fn fail_session(&mut self, rule: Rule) {
        let reason = match (rule, self.stop) {
            (Rule::Stopped, Some(Stop::Preempt)) => CancelReason::Preempted,
            (Rule::Stopped, Some(Stop::Drain)) => CancelReason::Draining,
            (Rule::Stopped, _) => CancelReason::Client,
            (Rule::NothingUsable, _) => CancelReason::Deadline,
            _ => CancelReason::Failed,
        };
        let fault = self.failure(rule);
        if fault.code == Code::Preempt {
            self.event(Cause::Rule(rule), Event::Preempted, None, "qos_spike");
        }
        let partial = self.partial(&fault);
        self.call_off(rule, reason);
        let sent = self.sent().len();
        self.finish(rule, Err(Failure { fault, partial, sent }));
    }

    /// What is told of a failed session: what the caller can mend, before what only we can.
    fn failure(&self, rule: Rule) -> Fault {
        let ran = |lane: &&Lane| rule == Rule::NoneAdmitted || lane.state != LaneState::Rejected;
        let lanes = || {
            self.lanes
                .iter()
                .filter(ran)
                .filter_map(|lane| lane.fault.as_ref())
        };
        let specific = lanes().find(|fault| is_callers_business(fault.code));
        match rule {
            Rule::NoneAdmitted if self.is_late() => {
                Fault::new(Code::Timeout, "the deadline came before any lane was admitted")
            }
            Rule::NoneAdmitted => specific.or_else(|| lanes().next()).map_or_else(
                || Fault::new(Code::NoRoute, "the plan has no lane"),
                |fault| fault.clone().scoped(Scope::Stream),
            ),
            Rule::NothingUsable => Fault::new(Code::Timeout, "no lane had a result when the deadline came"),
            Rule::Unreconciled => {
                let why = match &self.outcome {
                    Some(Err(why)) => why.to_string(),
                    _ => "lanes could not be reconciled".to_owned(),
                };
                Fault::new(Code::Consensus, why)
            }
            Rule::Stopped if self.stop == Some(Stop::Preempt) => {
                Fault::new(Code::Preempt, "a higher tier needed the slots")
            }
            Rule::Stopped if self.stop == Some(Stop::Drain) => {
                Fault::new(Code::Draining, "the node left before the answer was complete")
            }
            Rule::Stopped => Fault::new(Code::Cancel, "the client cancelled"),
            Rule::NoneDispatched => self.lanes_failed(Code::AgentDown, specific),
            _ => self.lanes_failed(Code::Fatal, specific),
        }
    }

    /// `code` for lanes that failed each in its way; their own word where that says more.
    fn lanes_failed(&self, code: Code, specific: Option<&Fault>) -> Fault {
        let ran = self.lanes.iter().filter(|lane| lane.state != LaneState::Rejected);
        let mut faults = ran.filter_map(|lane| lane.fault.as_ref());
        let first = faults.next();
        let is_timeout = first.is_some_and(|fault| fault.code == Code::Timeout)
            && faults.all(|fault| fault.code == Code::Timeout);
        match (specific, first) {
            (Some(fault), _) => fault.clone().scoped(Scope::Stream),
            // One lane speaks for itself, with its own advice on when to come back.
            (None, Some(fault)) if is_timeout || self.lanes.len() == 1 => fault.clone().scoped(Scope::Stream),
            (None, Some(fault)) => Fault::new(code, format!("no lane answered; one said {fault}")),
            (None, None) => Fault::new(code, "no lane answered"),
        }
    }

    /// What was answered so far: where policy allows, where money ran out or the node left, and for an idempotent retry
    /// after preemption.
    fn partial(&self, fault: &Fault) -> Option<Answer> {
        let is_kept = matches!(fault.code, Code::Budget | Code::Preempt | Code::Draining);
        let is_allowed =
            self.may_reveal() && fault.code != Code::Cancel && (self.params.allow_partial || is_kept);
        if !is_allowed {
            return None;
        }
        self.answers(true)
            .into_iter()
            .max_by_key(|answer| {
                let is_forwarded = self.forwarded == Some(LaneIx(answer.index));
                (
                    is_forwarded,
                    answer.answer.text.len(),
                    std::cmp::Reverse(answer.index),
                )
            })
            .map(|answer| answer.answer.clone())
    }

    fn finish(&mut self, rule: Rule, result: Result<FinalAnswer, Failure>) {
        self.record(&result);
        self.act(Cause::Rule(rule), Step::Finish(Box::new(result)));
    }
}

/// Faults of the request or its budget, which no other lane would mend.
fn is_callers_business(code: Code) -> bool {
    matches!(
        code,
        Code::BadInput
            | Code::Unsupported
            | Code::TooBig
            | Code::Context
            | Code::Auth
            | Code::Sec
            | Code::Policy
            | Code::Rate
            | Code::Window
            | Code::Budget
            | Code::NotFound
            | Code::Config
    )
}
