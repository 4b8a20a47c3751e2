//! What a decision asks for: lanes, what replaces them, and the limits they share.

use std::sync::Arc;

use atp_protocol::ids::PersonaId;
use atp_protocol::units::{Amount, Tier};
use smallvec::SmallVec;

use super::economy::{Prospect, Stakes};
use super::need::Need;
use crate::fib::Candidate;
use crate::policy::{Policy, Thresholds};
use crate::reconcile::Strategy;

/// Most calls one request may cause, hedges and escalations included (routing.md 1.2).
pub const CALLS_MAX: usize = 12;

/// Who does the work of a request, and within which limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The policy that applies.
    pub policy: Arc<Policy>,
    /// Calls to start at once, in the order asked for; never empty.
    pub lanes: SmallVec<[Lane; 4]>,
    /// The best-scored lane, by its place in `lanes`.
    pub primary: usize,
    /// Who replaces a lane that fails, best first.
    pub fallbacks: Vec<Spare>,
    /// Who is asked next when a trigger fires, in this order and as many as the policy allows.
    pub escalation: SmallVec<[Spare; 2]>,
    /// How the lanes become one answer.
    pub strategy: Strategy,
    /// Most the request may spend: the policy's budget, or what is left of the account if that is less.
    pub budget: Amount,
    /// Time left for the whole request in milliseconds.
    pub deadline_ms: u64,
    /// Latency objective in milliseconds, relaxations included.
    pub slo_ms: u64,
    /// Limits of escalation triggers.
    pub thresholds: Thresholds,
    /// What a better answer is worth.
    pub stakes: Stakes,
    /// The strategy was chosen for the request, because policy or client left it to the router.
    pub is_adaptive: bool,
    /// Personas asked for that nobody can carry out.
    pub unserved: Vec<PersonaId>,
    /// Lanes were left out because a request may cause at most [`CALLS_MAX`] calls.
    pub is_truncated: bool,
}

/// One call of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// Who is called.
    pub candidate: Arc<Candidate>,
    /// In which role.
    pub persona: Option<PersonaId>,
    /// Which clone of the persona, from 1.
    pub clone: u32,
    /// At which tier.
    pub tier: Tier,
    /// Base weight in reconciliation.
    pub weight: f64,
    /// Must finish before any answer leaves, because its persona guards data of the request's scope (atp.md 19.2).
    pub is_required: bool,
    /// What it is expected to take.
    pub need: Need,
    /// Which entry of the request or policy asked for it; spares of the same entry may replace it.
    pub(super) seat: usize,
}

/// A candidate held ready.
#[derive(Debug, Clone, PartialEq)]
pub struct Spare {
    /// Who would be called.
    pub candidate: Arc<Candidate>,
    /// What it is expected to take.
    pub need: Need,
    /// What is to be expected of it.
    pub prospect: Prospect,
    /// The entry it was found by; `None` stands in for any.
    pub(super) seat: Option<usize>,
}

impl Plan {
    /// The best-scored lane.
    #[must_use]
    pub fn primary(&self) -> &Lane {
        &self.lanes[self.primary]
    }

    /// Who may replace a lane, best first.
    pub fn fallbacks_for(&self, lane: &Lane) -> impl Iterator<Item = &Spare> {
        let seat = lane.seat;
        self.fallbacks
            .iter()
            .filter(move |spare| spare.seat.is_none_or(|of| of == seat))
    }

    /// Guard-banded use of all lanes together.
    #[must_use]
    pub fn effective(&self) -> Amount {
        self.lanes
            .iter()
            .fold(Amount::ZERO, |sum, lane| sum.plus(lane.need.effective))
    }
}
