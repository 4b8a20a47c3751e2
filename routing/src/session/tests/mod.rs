//! Sessions driven as an actor drives them, by subject.

mod basics;
mod doubt;
mod economy;
mod laws;
mod order;
mod output;
mod provisional;
mod retry;

use atp_protocol::adapter::{Usage, UsageSource};
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::{CloneId, LaneId, PersonaId, RequestId, SessionId, StreamId};
use atp_protocol::units::{Millis, Tier};

use super::*;
use crate::reconcile::Answer;

/// A session with everything it has asked for.
struct Rig {
    session: ParallelSession,
    log: Vec<Action>,
}

/// A clone of persona `p` on the target of the same index.
fn plan(index: usize) -> LanePlan {
    let lane = LaneId {
        persona: Some(PersonaId::new("p").unwrap()),
        clone: Some(CloneId(u32::try_from(index).unwrap() + 1)),
    };
    LanePlan::new(lane, Tier::Silver, TargetIx(index))
}

/// A lane of a persona of its own.
fn persona(name: &str, index: usize) -> LanePlan {
    let lane = LaneId {
        persona: Some(PersonaId::new(name).unwrap()),
        clone: None,
    };
    LanePlan::new(lane, Tier::Silver, TargetIx(index))
}

fn params(lanes: usize) -> SessionParams {
    let ids = SessionIds {
        session: SessionId::new("s").unwrap(),
        stream: StreamId::new("t").unwrap(),
        request: RequestId::new("r").unwrap(),
    };
    SessionParams::new(ids, (0..lanes).map(plan).collect(), Tier::Silver)
}

fn call(lane: usize, attempt: u32) -> Call {
    Call {
        lane: LaneIx(lane),
        attempt,
    }
}

fn chunk(seq: u64, text: &str) -> Chunk {
    Chunk {
        seq,
        piece: Piece::Read {
            text: text.to_owned(),
            data: None,
        },
        tokens: None,
        usage: None,
        confidence: None,
    }
}

fn end(text: &str, confidence: Option<f64>) -> Box<LaneEnd> {
    Box::new(LaneEnd {
        rest: Answer {
            text: text.to_owned(),
            ..Answer::default()
        },
        confidence,
        ..LaneEnd::default()
    })
}

fn usage(usd_micros: u64) -> Usage {
    Usage {
        in_tokens: 10,
        out_tokens: 20,
        usd_micros,
        source: UsageSource::Reported,
    }
}

impl Rig {
    /// A session not yet started.
    fn new(params: SessionParams) -> Self {
        Self {
            session: ParallelSession::new(params).unwrap(),
            log: Vec::new(),
        }
    }

    /// A session at time 0 whose lanes were all admitted and called.
    fn started(params: SessionParams) -> Self {
        let lanes = params.lanes.len();
        let mut rig = Self::new(params);
        rig.at(0, Input::Start);
        for lane in 0..lanes {
            rig.at(0, Input::LaneAdmitted { lane: LaneIx(lane) });
        }
        rig
    }

    fn at(&mut self, now: u64, input: Input) -> Vec<Action> {
        let actions = self.session.handle(Millis(now), input).into_vec();
        self.log.extend(actions.iter().cloned());
        actions
    }

    fn chunk(&mut self, now: u64, lane: usize, seq: u64, text: &str) -> Vec<Action> {
        self.at(
            now,
            Input::Chunk {
                call: call(lane, 1),
                chunk: chunk(seq, text),
            },
        )
    }

    fn end(&mut self, now: u64, lane: usize, text: &str, confidence: Option<f64>) -> Vec<Action> {
        self.at(
            now,
            Input::LaneFinal {
                call: call(lane, 1),
                end: end(text, confidence),
            },
        )
    }

    fn fail(&mut self, now: u64, lane: usize, code: Code) -> Vec<Action> {
        self.at(
            now,
            Input::LaneFail {
                call: call(lane, 1),
                fault: Fault::new(code, "it broke"),
                usage: None,
            },
        )
    }

    fn state(&self) -> State {
        self.session.state()
    }

    /// Text sent on the default lane so far.
    fn text(&self) -> String {
        self.log
            .iter()
            .filter_map(|action| match &action.step {
                Step::EmitText {
                    piece: Piece::Read { text, .. },
                    ..
                } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// The result, which is there exactly once and last.
    fn result(&self) -> &Result<FinalAnswer, Failure> {
        let mut finishes = self
            .log
            .iter()
            .enumerate()
            .filter_map(|(at, action)| match &action.step {
                Step::Finish(result) => Some((at, result)),
                _ => None,
            });
        let (at, result) = finishes.next().expect("the session has finished");
        assert!(finishes.next().is_none(), "finished twice");
        assert_eq!(at, self.log.len() - 1, "something follows the finish");
        result
    }

    fn answer(&self) -> &FinalAnswer {
        self.result().as_ref().unwrap()
    }

    fn failure(&self) -> &Failure {
        self.result().as_ref().unwrap_err()
    }

    /// Rule numbers of the state changes.
    fn rules(&self) -> Vec<u8> {
        let decisions = match self.session.audit() {
            Some(audit) => &audit.decisions,
            None => &self.session.decisions,
        };
        decisions.iter().map(|decision| decision.rule.number()).collect()
    }

    fn dispatches(&self) -> Vec<(usize, u32, usize, u64)> {
        self.log
            .iter()
            .filter_map(|action| match &action.step {
                Step::Dispatch {
                    call,
                    target,
                    delay_ms,
                } => Some((call.lane.0, call.attempt, target.0, *delay_ms)),
                _ => None,
            })
            .collect()
    }

    fn settled(&self) -> Vec<(usize, LaneState)> {
        self.log
            .iter()
            .filter_map(|action| match &action.step {
                Step::SettleLane { lane, outcome } => Some((lane.0, outcome.state)),
                _ => None,
            })
            .collect()
    }

    fn cancelled(&self) -> Vec<(usize, CancelReason)> {
        self.log
            .iter()
            .filter_map(|action| match &action.step {
                Step::CancelLane { call, reason } => Some((call.lane.0, *reason)),
                _ => None,
            })
            .collect()
    }

    fn events(&self) -> Vec<(Event, &'static str)> {
        self.log
            .iter()
            .filter_map(|action| match &action.step {
                Step::EmitEvent { event, reason, .. } => Some((*event, *reason)),
                _ => None,
            })
            .collect()
    }

    fn provisionals(&self) -> Vec<&Provisional> {
        self.log
            .iter()
            .filter_map(|action| match &action.step {
                Step::EmitProvisional(provisional) => Some(provisional.as_ref()),
                _ => None,
            })
            .collect()
    }
}
