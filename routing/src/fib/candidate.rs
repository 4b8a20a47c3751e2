//! Somewhere work can be sent.

use std::sync::Arc;

use atp_protocol::estimate::Price;
use atp_protocol::ids::{AdapterId, PersonaId};
use atp_protocol::request::Demand;
use atp_protocol::units::Tier;
use serde::Serialize;

use super::registered::Liveness;
use crate::policy::{Lifecycle, SafetyGrade};

/// One model behind one adapter in one region, with all that is known of it before a request comes.
///
/// Lists are sorted and hold no item twice, so that equal candidates are equal bytes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// `adapter/model@region`, with the agent's name in place of the adapter's where there is one; breaks ties.
    pub id: Arc<str>,
    /// Who is called.
    pub adapter: AdapterId,
    /// The agent of the policy document it stands for, when that is not the adapter itself.
    pub agent: Option<Arc<str>>,
    /// The model to ask for.
    pub model: Arc<str>,
    /// Where it runs.
    pub region: Arc<str>,
    /// Regions in which it processes data.
    pub residency: Box<[Arc<str>]>,
    /// Personas it carries out.
    pub personas: Box<[PersonaId]>,
    /// Task types and skills.
    pub capabilities: Box<[Arc<str>]>,
    /// Languages it handles; empty means any.
    pub languages: Box<[Arc<str>]>,
    /// Tools it can run.
    pub tools: Box<[Arc<str>]>,
    /// Data-scope labels it may see; empty means none but unlabelled work.
    pub data_scopes: Box<[Arc<str>]>,
    /// Security groups it belongs to.
    pub security_groups: Box<[Arc<str>]>,
    /// Tenants it works for; `None` is all.
    pub tenants: Option<Box<[Arc<str>]>>,
    /// Tiers it serves, in the order of [`Tier::ALL`].
    pub tiers: [bool; 3],
    /// What it costs.
    pub price: Price,
    /// Context window in tokens; `None` is no limit.
    pub context_tokens: Option<u64>,
    /// Models of one family err together.
    pub family: Option<Arc<str>>,
    /// How far it is trusted.
    pub safety_grade: SafetyGrade,
    /// Whether it serves.
    pub lifecycle: Lifecycle,
    /// Predicted quality, 0 to 1.
    pub quality_pred: Option<f64>,
    /// 95th percentile latency to expect before any was measured, in milliseconds.
    pub est_latency_ms: Option<u64>,
    /// Most concurrent calls it wants.
    pub max_parallel: Option<u32>,
    /// Whether it answers estimates.
    pub estimates: bool,
    /// What of an answer it cannot give.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub lacks: Box<[Demand]>,
    /// What is known of its condition. Its times are a node's own, so they stay out of the FIB's hash.
    #[serde(skip)]
    pub liveness: Liveness,
}

impl Candidate {
    /// The agent's name, else the adapter's id.
    #[must_use]
    pub fn name(&self) -> &str {
        self.agent.as_deref().unwrap_or(self.adapter.as_str())
    }

    /// Whether it serves `tier`.
    #[must_use]
    pub const fn serves(&self, tier: Tier) -> bool {
        self.tiers[tier.index()]
    }

    /// Whether it carries out `persona`.
    #[must_use]
    pub fn carries(&self, persona: &PersonaId) -> bool {
        self.personas.binary_search(persona).is_ok()
    }
}

/// Whether a sorted list holds `word`.
pub(crate) fn holds(list: &[Arc<str>], word: &str) -> bool {
    list.binary_search_by(|have| (**have).cmp(word)).is_ok()
}
