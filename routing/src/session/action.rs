//! What a session wants done, each with the rule that wants it.

use atp_protocol::adapter::Usage;
use atp_protocol::error::Fault;
use atp_protocol::ids::LaneId;
use serde::Serialize;
use smallvec::SmallVec;

use super::input::{Call, Piece};
use super::lane::LaneState;
use super::params::{LaneIx, TargetIx};
use super::rules::Rule;
use crate::policy::Trigger;
use crate::reconcile::{Answer, Consensus, Part, Reason};

/// Actions in the order they are to be carried out.
pub type Actions = SmallVec<[Action; 4]>;

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// What wants it.
    pub cause: Cause,
    /// What to do.
    pub step: Step,
}

/// What wants an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A rule of the session machine (atp.md 19.3).
    Rule(Rule),
    /// A row of the lane machine (atp.md 19.4).
    Lane,
    /// Another try before the first delivered piece (atp.md 22.4).
    Retry,
    /// Output that is due, whole or incremental (atp.md 19.1 and section 20).
    Output,
    /// A provisional result about to expire (atp.md 21.3).
    Renewal,
}

/// Why a call is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The answer is known without it.
    Superseded,
    /// It took too long, and was paused or silent.
    TimedOut,
    /// The session's time is up.
    Deadline,
    /// Its hold is used up.
    Budget,
    /// Its answer is too long.
    TooBig,
    /// The client cancelled.
    Client,
    /// A higher tier needs the slot.
    Preempted,
    /// The node leaves.
    Draining,
    /// The session failed.
    Failed,
}

/// `agent.event` names a session causes (atp.md 7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A lane ended without an answer.
    LaneFailed,
    /// A better lane is asked.
    Escalate,
    /// Another target is tried for the lane.
    ModelSwitch,
    /// Lanes were cancelled because the answer was known.
    EarlyTermination,
    /// The session gave way.
    Preempted,
}

/// Status of a provisional result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Shown for the first time, or growing.
    Provisional,
    /// Better than the previous revision.
    Upgraded,
    /// Less sure than the previous revision.
    Downgraded,
}

/// A provisional result: replaces the previous revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Provisional {
    /// From 1; a renewal repeats it.
    pub revision: u32,
    /// See [`Status`].
    pub status: Status,
    /// Made from lanes that have not ended.
    pub is_incremental: bool,
    /// The result so far, whole.
    pub answer: Answer,
    /// Who contributed which text.
    pub parts: Vec<Part>,
    /// How far lanes agree.
    pub consensus: Consensus,
    /// 0 to 1; 0.5 where no lane states any.
    pub confidence: f64,
    /// The client discards it after.
    pub expiry_ms: u64,
}

/// How a lane ended, for settlement, breaker and window.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneOutcome {
    /// FINALIZED, FAILED or CANCELLED.
    pub state: LaneState,
    /// Why it did not end well.
    pub fault: Option<Fault>,
    /// The target of the last call.
    pub target: TargetIx,
    /// Calls made; 0 when it was never dispatched and nothing can have been used.
    pub attempts: u32,
    /// What adapters reported, all calls together; `None` leaves the router's own count.
    pub usage: Option<Usage>,
    /// Output tokens seen, all calls together.
    pub seen_tokens: u64,
}

/// What an arbiter is to reconcile.
#[derive(Debug, Clone, PartialEq)]
pub struct ArbiterInput {
    /// Whose answer.
    pub lane: LaneId,
    /// What it counts.
    pub weight: f64,
    /// What it says.
    pub answer: Answer,
}

/// The answer of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct FinalAnswer {
    /// The answer, whole.
    pub answer: Answer,
    /// Bytes of `answer.text` that went out as [`Step::EmitText`] and are not to be repeated.
    ///
    /// 0 with `is_replacing` when the text that went out is not how the answer begins.
    pub sent: usize,
    /// The answer replaces text that went out; only clients that agreed to `provisional` are shown this.
    pub is_replacing: bool,
    /// Who contributed which text.
    pub parts: Vec<Part>,
    /// `result.consensus`.
    pub consensus: Consensus,
    /// 0 to 1, if any lane states it.
    pub confidence: Option<f64>,
    /// Whose answer it is; `None` for a merged or rewritten one.
    pub winner: Option<LaneIx>,
    /// Lanes it rests on.
    pub used: Vec<LaneIx>,
    /// What decided it.
    pub reason: Reason,
    /// Some lanes failed.
    pub is_partial_failure: bool,
    /// The session ended early and the answer is what there was.
    pub aborted: Option<Fault>,
    /// Better lanes that were asked.
    pub escalations: u8,
}

/// A session without an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What the client is told.
    pub fault: Fault,
    /// What was answered so far, where policy or the kind of failure lets it be shown.
    pub partial: Option<Answer>,
    /// Bytes of text that went out as [`Step::EmitText`] before.
    pub sent: usize,
}

/// Why a better lane was not asked (routing.md section 13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Withheld {
    /// Its answer is not worth its cost and the wait for it.
    Uneconomic,
    /// Too many requests escalate.
    Storm,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Call an adapter.
    Dispatch {
        /// Names the call.
        call: Call,
        /// Whom.
        target: TargetIx,
        /// After so many milliseconds, unless cancelled before.
        delay_ms: u64,
    },
    /// End a call that is running or waiting to be made. Nothing more is expected of it.
    CancelLane {
        /// Which.
        call: Call,
        /// Why.
        reason: CancelReason,
    },
    /// Stop reading from the lane; tell its agent BUSY with window 0.
    Pause {
        /// Which.
        lane: LaneIx,
    },
    /// Read again.
    Resume {
        /// Which.
        lane: LaneIx,
    },
    /// Send the client text of the answer on the stream's default lane.
    EmitText {
        /// Whose text.
        lane: LaneIx,
        /// The text.
        piece: Piece,
    },
    /// Send the client a lane's text on its own lane.
    EmitLanePartial {
        /// Which.
        lane: LaneIx,
        /// The text.
        piece: Piece,
    },
    /// Send the client an `agent.event`.
    EmitEvent {
        /// Which.
        event: Event,
        /// About which lane.
        lane: Option<LaneIx>,
        /// Why, in a word or code.
        reason: &'static str,
    },
    /// Send the client a provisional result.
    EmitProvisional(Box<Provisional>),
    /// Ask the arbiter; answer with `ArbiterResult`.
    CallArbiter {
        /// Most it may cost.
        max_usd_micros: u64,
        /// Most it may take.
        timeout_ms: u64,
        /// What to rewrite.
        inputs: Vec<ArbiterInput>,
    },
    /// Reserve for a better lane; answer with `LaneAdmitted` or `LaneRejected`.
    Escalate {
        /// Its index.
        lane: LaneIx,
        /// Who would be asked.
        target: TargetIx,
        /// Why.
        trigger: Trigger,
    },
    /// Tell the operator that a better lane was not asked.
    Withhold {
        /// What spoke for it.
        trigger: Trigger,
        /// What spoke against it.
        because: Withheld,
    },
    /// Settle an admitted lane: exactly once, and nothing concerns it afterwards.
    SettleLane {
        /// Which.
        lane: LaneIx,
        /// How it ended.
        outcome: Box<LaneOutcome>,
    },
    /// Answer the client. Exactly once, and last.
    ///
    /// An admission that arrives later is the caller's to release.
    Finish(Box<Result<FinalAnswer, Failure>>),
}
