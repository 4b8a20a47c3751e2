//! What a parallel session is started with. The planner fills it; indexes into its plan stay opaque here.

use std::sync::Arc;

use atp_protocol::ids::{LaneId, RequestId, SessionId, StreamId};
use atp_protocol::request::DEADLINE_MS;
use atp_protocol::units::Tier;

use crate::agreement::Aliases;
use crate::plan::{Prospect, Stakes};
use crate::policy::{self, Trigger};
use crate::reconcile::{Strategy, Weight};

/// Lanes a session may start with (atp.md section 1).
pub const MAX_LANES: usize = 64;
/// Escalations a session may be allowed (atp.md 19.3).
pub const MAX_ESCALATIONS: u8 = 3;

/// An adapter of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct TargetIx(pub usize);

/// A lane of the session, in the order of the plan; escalated lanes follow the planned ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct LaneIx(pub usize);

/// Whose session it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SessionIds {
    /// The session.
    pub session: SessionId,
    /// The stream in it.
    pub stream: StreamId,
    /// The request.
    pub request: RequestId,
}

/// One lane to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct LanePlan {
    /// Persona and clone.
    pub lane: LaneId,
    /// Its tier; bronze lanes are cancelled first.
    pub tier: Tier,
    /// Who is asked first.
    pub target: TargetIx,
    /// Who is asked after a failure, in this order.
    pub fallbacks: Vec<TargetIx>,
    /// What its answer counts.
    pub weight: Weight,
    /// Model family and prompt, if known: lanes of equal source share one weight.
    pub source: Option<Arc<str>>,
    /// How often its findings prevailed in conflicts, 0 to 1.
    pub win_rate: Option<f64>,
    /// Without an answer of this persona there is none at all.
    pub is_required: bool,
    /// What is to be expected of it where it is asked because of a doubt; `None` is worth asking always.
    pub prospect: Option<Prospect>,
    /// The persona carries compliance flags the data scope asks for: it must end before anything is revealed.
    pub is_compliance: bool,
}

impl LanePlan {
    /// An optional lane of weight 1 with no fallback.
    #[must_use]
    pub fn new(lane: LaneId, tier: Tier, target: TargetIx) -> Self {
        Self {
            lane,
            tier,
            target,
            fallbacks: Vec::new(),
            weight: Weight::default(),
            source: None,
            win_rate: None,
            is_required: false,
            prospect: None,
            is_compliance: false,
        }
    }
}

/// When answers are good enough (atp.md 19.3, "Defaults").
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Agreement for a provisional result, and below which lanes disagree.
    pub agree_min: f64,
    /// FINALIZED lanes that make a quorum.
    pub quorum_min: usize,
    /// Confidence at which a provisional result becomes final.
    pub tau_final: f64,
}

/// How long a lane may take, in milliseconds (atp.md 19.4, 22.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneTimers {
    /// From dispatch to the first chunk.
    pub first_chunk_ms: u64,
    /// Between chunks.
    pub idle_ms: u64,
    /// Paused at a stretch.
    pub pause_max_ms: u64,
    /// A missing chunk is waited for.
    pub gap_ms: u64,
    /// An agent's PAUSE takes effect after.
    pub grace_ms: u64,
}

/// Retries before the first delivered piece (atp.md 22.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// At most, each on another target.
    pub max: u32,
    /// Wait before the first, doubled for each further one and shortened by up to half at random.
    pub base_ms: u64,
}

/// Provisional results (atp.md 21.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvisionalSettings {
    /// The client agreed to `provisional`: it takes results that are revised later.
    pub is_agreed: bool,
    /// The client discards a result after, unless renewed.
    pub expiry_ms: u64,
    /// At most one per.
    pub pace_ms: u64,
    /// A single lane's result may be shown after, once half of the time is gone.
    pub single_after_ms: u64,
}

/// When to ask a better lane (atp.md 21.5).
#[derive(Debug, Clone, PartialEq)]
pub struct EscalationPlan {
    /// What counts as a reason.
    pub on: Vec<Trigger>,
    /// Whom to ask, in this order, each once.
    pub to: Vec<LanePlan>,
    /// At most so often; more than [`MAX_ESCALATIONS`] is taken as that.
    pub max: u8,
    /// Figures below which a reason is one.
    pub thresholds: policy::Thresholds,
    /// What a better answer is worth.
    pub stakes: Stakes,
    /// Too many requests escalate: only hard reasons count.
    pub is_hard_only: bool,
}

/// The arbiter of divergent answers (atp.md 21.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArbiterSettings {
    /// Most it may cost in micro-dollars.
    pub max_usd_micros: u64,
    /// Guard-banded estimate of one call; it must fit before the call is made.
    pub estimate_usd_micros: u64,
    /// How long its answer is waited for.
    pub timeout_ms: u64,
}

impl ArbiterSettings {
    /// Ten cents and five seconds.
    #[must_use]
    pub const fn with_estimate(estimate_usd_micros: u64) -> Self {
        Self {
            max_usd_micros: 100_000,
            estimate_usd_micros,
            timeout_ms: 5_000,
        }
    }
}

/// Everything a session is decided by. [`SessionParams::new`] has the defaults of the specification.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionParams {
    /// Whose session it is, for the audit record.
    pub ids: SessionIds,
    /// The lanes, at most [`MAX_LANES`].
    pub lanes: Vec<LanePlan>,
    /// How they become one answer.
    pub strategy: Strategy,
    /// What to try when that fails, instead of `ECONSENSUS`.
    pub on_failure: Option<Strategy>,
    /// The stream's tier; sets the size of reorder buffers.
    pub tier: Tier,
    /// For the whole session, from `Start`.
    pub deadline_ms: u64,
    /// Latency the client hopes for; the `latency` trigger fires at 60 %.
    pub latency_slo_ms: Option<u64>,
    /// See [`Thresholds`].
    pub thresholds: Thresholds,
    /// See [`LaneTimers`].
    pub timers: LaneTimers,
    /// See [`Retries`].
    pub retries: Retries,
    /// See [`ProvisionalSettings`].
    pub provisional: ProvisionalSettings,
    /// See [`EscalationPlan`].
    pub escalation: EscalationPlan,
    /// `None` forbids arbiters.
    pub arbiter: Option<ArbiterSettings>,
    /// The client wants text as it comes.
    pub wants_text: bool,
    /// The client wants each lane's own text too.
    pub expose_lanes: bool,
    /// An error may carry what was answered so far.
    pub allow_partial: bool,
    /// `[n]` in a text without citation n halves the lane's confidence.
    pub evidence_gate: bool,
    /// Most bytes of a lane's, and of the merged, text.
    pub max_text_bytes: usize,
    /// Tokens a lane holds back for order in silver; half in gold, twice in bronze.
    pub reorder_tokens: u64,
    /// Share base of incremental results (atp.md section 20, GAP-116A).
    pub flush_bytes: usize,
    /// Other words for finding types.
    pub aliases: Arc<Aliases>,
    /// Spreads retries.
    pub seed: u64,
}

impl SessionParams {
    /// First-win over `lanes` without streaming, provisional results, escalation or arbiter.
    #[must_use]
    pub fn new(ids: SessionIds, lanes: Vec<LanePlan>, tier: Tier) -> Self {
        Self {
            ids,
            lanes,
            strategy: Strategy::FirstWin,
            on_failure: None,
            tier,
            deadline_ms: DEADLINE_MS,
            latency_slo_ms: None,
            thresholds: Thresholds {
                agree_min: 0.6,
                quorum_min: 2,
                tau_final: 0.8,
            },
            timers: LaneTimers {
                first_chunk_ms: 10_000,
                idle_ms: 15_000,
                pause_max_ms: 30_000,
                gap_ms: 5_000,
                grace_ms: 5_000,
            },
            retries: Retries { max: 2, base_ms: 100 },
            provisional: ProvisionalSettings {
                is_agreed: false,
                expiry_ms: 15_000,
                pace_ms: 250,
                single_after_ms: 700,
            },
            escalation: EscalationPlan {
                on: Vec::new(),
                to: Vec::new(),
                max: 1,
                thresholds: policy::Thresholds::default(),
                stakes: Stakes::new(None, None, 0.0),
                is_hard_only: false,
            },
            arbiter: None,
            wants_text: false,
            expose_lanes: false,
            allow_partial: false,
            evidence_gate: false,
            max_text_bytes: 16 * 1024 * 1024,
            reorder_tokens: 256,
            flush_bytes: 16 * 1024,
            aliases: Aliases::built_in(),
            seed: 0,
        }
    }
}
