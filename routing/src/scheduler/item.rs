//! What waits, and what is said about it.

use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::{RequestId, SessionId, TenantId};
use atp_protocol::units::{Amount, Millis, Tier, Window};

/// One call that wants a slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Names it here; fresh among those waiting and running.
    pub id: RequestId,
    /// Its tier.
    pub tier: Tier,
    /// Whose it is.
    pub tenant: TenantId,
    /// The session it belongs to.
    pub session: SessionId,
    /// What it is expected to use, guard band included (atp.md 17.2).
    pub cost: Amount,
    /// The session's weight among those of its tenant, clamped to 0.1 to 100.
    pub weight: f64,
    /// The tenant's weight among tenants, clamped likewise.
    pub tenant_weight: f64,
    /// The session's effective window (atp.md 16.2) over all tiers; `None` does not bound it. The latest said stands.
    pub window: Option<Window>,
    /// When the request is given up.
    pub deadline: Option<Millis>,
    /// Whether it may be preempted; compliance personas may not.
    pub is_preemptible: bool,
}

/// A session of a tenant: what shares and windows are kept for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FlowId {
    pub(super) tenant: TenantId,
    pub(super) session: SessionId,
}

impl Item {
    pub(super) fn flow(&self) -> FlowId {
        FlowId {
            tenant: self.tenant.clone(),
            session: self.session.clone(),
        }
    }

    /// Scheduling cost: thousands of tokens, at least one. Bounded so that sums of it stay exact enough.
    pub(super) fn work(&self) -> f64 {
        (self.cost.tokens as f64 / 1_000.0).clamp(1.0, 1e6)
    }
}

/// Weights from configuration may be anything.
pub(super) fn clamped_weight(weight: f64) -> f64 {
    match weight.is_nan() {
        true => 1.0,
        false => weight.clamp(0.1, 100.0),
    }
}

/// An item that got its slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The item.
    pub id: RequestId,
    /// Its tier.
    pub tier: Tier,
    /// How long it waited, in milliseconds: what the tier's watermark observes (atp.md 16.5).
    pub waited_ms: u64,
    /// It found a free slot and nobody waiting.
    pub was_fast: bool,
    /// It went before its turn because it had waited too long.
    pub was_starved: bool,
}

/// What became of an item that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It has a slot.
    Granted(Grant),
    /// It waits; an [`Event`] will follow.
    Queued,
}

/// Something that happened to an item other than the one asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It got a slot.
    Granted(Grant),
    /// It waited too long and is gone. Its caller is told [`Event::timed_out_fault`].
    TimedOut {
        /// The item.
        id: RequestId,
        /// Its tier.
        tier: Tier,
        /// How long it waited, in milliseconds.
        waited_ms: u64,
    },
    /// It should give its slot up (`EPREEMPT`). It keeps the slot until it is released.
    Preempt {
        /// The item.
        id: RequestId,
        /// Its tier.
        tier: Tier,
    },
}

impl Event {
    /// What the caller of an item that timed out in the queue is told.
    #[must_use]
    pub fn timed_out_fault(tier: Tier, waited_ms: u64) -> Fault {
        let detail = format!("no slot for {tier} within {waited_ms} ms; retry, or send less at once");
        Fault::new(Code::Window, detail)
    }
}

/// Why an item was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The tier's queue is full.
    #[error("{max} {tier} requests wait already; retry later")]
    QueueFull {
        /// The tier.
        tier: Tier,
        /// The bound.
        max: usize,
    },
    /// Bronze is shed while queues are long (atp.md 16.5).
    #[error("bronze is not taken while queues are long; retry later or ask for a higher tier")]
    Shed,
    /// The item alone exceeds its session's window.
    #[error("larger than the whole window ({} tokens, {} usd_micros); ask for less", .window.max_tokens, .window.max_usd_micros)]
    NeverFits {
        /// The window.
        window: Window,
    },
    /// An item of this id waits or runs.
    #[error("a request of this id waits or runs already")]
    Duplicate,
    /// The deadline has passed.
    #[error("the deadline passed before the request could be queued")]
    TooLate,
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        match refused {
            Refused::QueueFull { .. } | Refused::Shed => Self::new(Code::Window, detail),
            Refused::NeverFits { .. } => Self::new(Code::Window, detail).terminal(),
            Refused::Duplicate => Self::new(Code::Internal, detail),
            Refused::TooLate => Self::new(Code::Timeout, detail),
        }
    }
}
