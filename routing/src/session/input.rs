//! What a session is told.

use atp_protocol::adapter::{AgentStatus, Usage};
use atp_protocol::error::Fault;
use bytes::Bytes;
use serde_json::Value;

use super::params::LaneIx;
use crate::reconcile::{Answer, Rewrite};

/// One call to an adapter. A retry is another call, so that what is left of the first cannot be taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// The lane it serves.
    pub lane: LaneIx,
    /// From 1.
    pub attempt: u32,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Text since the previous piece and data beside it.
    Read {
        /// The text.
        text: String,
        /// Replaces earlier data.
        data: Option<Value>,
    },
    /// The provider's bytes, to be sent on unchanged.
    Forward(Bytes),
}

impl Piece {
    /// Bytes of text, or of the provider's stream.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Read { text, .. } => text.len(),
            Self::Forward(bytes) => bytes.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A piece of an answer and what came with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// Place in the lane, from 1 (atp.md 19.4).
    pub seq: u64,
    /// The piece.
    pub piece: Piece,
    /// Tokens in it, if the adapter counts; else a quarter of its bytes.
    pub tokens: Option<u32>,
    /// Running total of the call.
    pub usage: Option<Usage>,
    /// Confidence so far, 0 to 1.
    pub confidence: Option<f64>,
}

/// The end of a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LaneEnd {
    /// The last chunk's place, if known. Until all before it are there, or given up, the lane does not end.
    pub last_seq: Option<u64>,
    /// What was not sent as chunks: rest of the text, data, findings as reported, tool calls, body.
    pub rest: Answer,
    /// Confidence in the whole, 0 to 1; `None` leaves that of the last chunk.
    pub confidence: Option<f64>,
    /// Total of the call; `None` leaves that of the last chunk.
    pub usage: Option<Usage>,
    /// Citations provided, by the number `[n]` refers to them.
    pub citations: Vec<u32>,
    /// A validator ran tests and some failed.
    pub has_failed_tests: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Begin. Everything before is ignored.
    Start,
    /// Budget, window and policy let the lane run.
    LaneAdmitted {
        /// Which.
        lane: LaneIx,
    },
    /// They do not; nothing is reserved for it.
    LaneRejected {
        /// Which.
        lane: LaneIx,
        /// Why.
        fault: Fault,
    },
    /// The adapter took the call.
    DispatchOk {
        /// Which.
        call: Call,
    },
    /// It did not.
    DispatchErr {
        /// Which.
        call: Call,
        /// Why.
        fault: Fault,
    },
    /// A piece came.
    Chunk {
        /// On which call.
        call: Call,
        /// The piece.
        chunk: Chunk,
    },
    /// The call ended well.
    LaneFinal {
        /// Which.
        call: Call,
        /// With what.
        end: Box<LaneEnd>,
    },
    /// The call ended badly.
    LaneFail {
        /// Which.
        call: Call,
        /// Why.
        fault: Fault,
        /// What it used, if known.
        usage: Option<Usage>,
    },
    /// The lane's agent is ready or is not.
    AgentStatus {
        /// Whose agent.
        lane: LaneIx,
        /// Its word.
        status: AgentStatus,
    },
    /// The arbiter answered or failed.
    ArbiterResult(Result<Box<Rewrite>, Fault>),
    /// The client wants no answer any more.
    Cancel,
    /// A higher tier needs the slots.
    Preempt,
    /// The node leaves and waits no longer.
    Drain,
    /// The lane used up what is held for it, tolerance included.
    BudgetExhausted {
        /// Which.
        lane: LaneIx,
    },
    /// The client's queue has drained.
    ClientReady,
    /// The client does not keep up: hold text back and stop reading.
    EgressBlocked,
    /// Time has passed; see [`super::ParallelSession::next_deadline`].
    Tick,
}
