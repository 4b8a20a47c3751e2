//! What the lanes amount to at this moment, and the facts the rules ask for.

use std::collections::BTreeMap;

use atp_protocol::ids::PersonaId;

use super::lane::{Lane, LaneState};
use super::machine::ParallelSession;
use super::params::LaneIx;
use super::rules::{Facts, State};
use crate::agreement::Mode;
use crate::reconcile::{Census, LaneAnswer, Outcome, Params, Strategy, Unreconciled, agreement, reconcile};

/// The FINALIZED lanes reconciled; made anew when one more ends.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) outcome: Result<Box<Outcome>, Unreconciled>,
    pub(super) agreement: Option<f64>,
    pub(super) mode: Mode,
}

/// How a persona that has to answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    Met,
    Open,
    Lost,
}

impl ParallelSession {
    /// Lanes with an answer, in order; with `partials` also those cut short that have said something.
    pub(super) fn answers(&self, partials: bool) -> Vec<LaneAnswer<'_>> {
        self.lanes
            .iter()
            .enumerate()
            .filter(|(at, lane)| {
                self.committed.is_none_or(|committed| committed == LaneIx(*at))
                    && (lane.state == LaneState::Finalized
                        || partials && lane.state != LaneState::Rejected && !lane.answer.is_empty())
            })
            .map(|(index, lane)| LaneAnswer {
                index,
                lane: &lane.plan.lane,
                answer: &lane.answer,
                confidence: lane.confidence(),
                weight: lane.plan.weight.value(),
                source: lane.plan.source.as_deref(),
                win_rate: lane.plan.win_rate,
                completed: lane.times.ended.unwrap_or(self.now),
                usd_micros: lane.usage().map_or(0, |usage| usage.usd_micros),
                rank: lane.rank,
                is_partial: lane.state != LaneState::Finalized,
            })
            .collect()
    }

    pub(super) fn reconcile_params(&self) -> Params {
        Params {
            quorum_min: self.params.thresholds.quorum_min,
            lanes: self.admitted(),
            lanes_failed: self.failed(),
            agree_min: self.params.thresholds.agree_min,
            max_text_bytes: self.params.max_text_bytes,
        }
    }

    pub(super) fn reconcile_as(
        &self,
        strategy: Strategy,
        partials: bool,
    ) -> Result<Box<Outcome>, Unreconciled> {
        reconcile(strategy, &self.answers(partials), &self.reconcile_params()).map(Box::new)
    }

    /// The strategy in force: text that is out and cannot be taken back decides for its lane.
    pub(super) fn strategy(&self) -> Strategy {
        if self.committed.is_some() {
            Strategy::FirstWin
        } else {
            self.params.strategy
        }
    }

    /// Reconciles anew after a lane has ended.
    pub(super) fn refresh_view(&mut self) {
        let answers = self.answers(false);
        let (agreement, mode) = agreement(&answers);
        let outcome = reconcile(self.strategy(), &answers, &self.reconcile_params()).map(Box::new);
        self.view = Some(View {
            outcome,
            agreement,
            mode,
        });
    }

    pub(super) fn admitted(&self) -> usize {
        self.count(|lane| !matches!(lane.state, LaneState::Init | LaneState::Rejected))
    }

    pub(super) fn live(&self) -> usize {
        self.count(|lane| !lane.state.is_terminal())
    }

    pub(super) fn finalized(&self) -> usize {
        self.count(|lane| lane.state == LaneState::Finalized)
    }

    /// Lanes that ended without an answer though nobody called them off.
    pub(super) fn failed(&self) -> usize {
        self.count(|lane| {
            lane.state == LaneState::Failed || (lane.state == LaneState::Cancelled && lane.fault.is_some())
        })
    }

    fn count(&self, is_counted: impl Fn(&Lane) -> bool) -> usize {
        self.lanes.iter().filter(|lane| is_counted(lane)).count()
    }

    /// The worst standing among personas that have to answer: required ones need one FINALIZED clone, compliance personas
    /// have to be through altogether as well.
    fn duty(&self, only_compliance: bool) -> Duty {
        let mut personas: BTreeMap<Option<&PersonaId>, Vec<&Lane>> = BTreeMap::new();
        for lane in &self.lanes {
            if lane.plan.is_compliance || (lane.plan.is_required && !only_compliance) {
                personas
                    .entry(lane.plan.lane.persona.as_ref())
                    .or_default()
                    .push(lane);
            }
        }
        let mut worst = Duty::Met;
        for clones in personas.values() {
            let has_answer = clones.iter().any(|lane| lane.state == LaneState::Finalized);
            let is_open = clones.iter().any(|lane| !lane.state.is_terminal());
            let must_be_through = clones.iter().any(|lane| lane.plan.is_compliance);
            if !has_answer && !is_open {
                return Duty::Lost;
            }
            if !has_answer || (must_be_through && is_open) {
                worst = Duty::Open;
            }
        }
        worst
    }

    /// Whether compliance personas let anything be shown.
    pub(super) fn may_reveal(&self) -> bool {
        self.duty(true) == Duty::Met
    }

    /// Whether the policy has what it needs. Doubt stays until the lane asked because of it has ended.
    fn is_satisfied(&self, duty: Duty) -> bool {
        let census = Census {
            lanes: self.admitted(),
            live: self.live(),
            finalized: self.finalized(),
        };
        duty == Duty::Met
            && self
                .strategy()
                .is_ready(census, self.params.thresholds.quorum_min)
            && self.view.as_ref().is_some_and(|view| view.outcome.is_ok())
            && self.doubt().is_none()
    }

    /// Whether the provisional result is sure enough to be the final one.
    fn is_sure(&self, duty: Duty) -> bool {
        let confidence = self
            .view
            .as_ref()
            .and_then(|view| view.outcome.as_ref().ok())
            .and_then(|outcome| outcome.confidence);
        duty == Duty::Met
            && self.doubt().is_none()
            && self.finalized() >= self.params.thresholds.quorum_min
            && confidence.is_some_and(|confidence| confidence >= self.params.thresholds.tau_final)
    }

    /// Usable at the deadline: a result, or a partial one; nothing without the compliance personas.
    fn is_usable(&self, duty: Duty) -> bool {
        duty != Duty::Lost && self.may_reveal() && !self.answers(self.is_late()).is_empty()
    }

    pub(super) fn facts(&self) -> Facts {
        let (live, finalized) = (self.live(), self.finalized());
        let duty = self.duty(false);
        let is_satisfied = finalized > 0 && self.is_satisfied(duty);
        let is_doubtful = live == 0 && finalized > 0 && (self.doubt().is_some() || self.is_unreconciled());
        let is_at_deadline = self.state == State::Deadline;
        Facts {
            is_stopped: self.stop.is_some(),
            is_late: self.is_late(),
            is_decided: self.lanes.iter().all(|lane| lane.state != LaneState::Init),
            admitted: self.admitted(),
            live,
            is_heard: self.lanes.iter().any(|lane| lane.is_heard),
            has_end: self
                .lanes
                .iter()
                .any(|lane| lane.state.is_terminal() && lane.state != LaneState::Rejected),
            finalized,
            is_duty_lost: duty == Duty::Lost,
            is_satisfied,
            is_doubtful,
            is_showable: live > 0 && !is_satisfied && self.is_showable(),
            is_worse: self.is_worse(),
            is_better: self.is_better(),
            is_sure: self.is_sure(duty),
            is_slow: self.is_slow() && self.can_escalate(),
            can_escalate: is_at_deadline && self.can_escalate(),
            can_arbitrate: is_at_deadline && self.can_arbitrate(),
            is_usable: is_at_deadline && self.is_usable(duty),
            arbitrated: self.arbitrated.as_ref().map(Result::is_ok),
            reconciled: self.outcome.as_ref().map(Result::is_ok),
        }
    }
}
