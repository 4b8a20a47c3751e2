//! What the routers of a node's arbiters share.

use std::sync::Arc;

use atp_protocol::flow::AimdConfig;
use atp_protocol::resume::{Claim, IdempotencyKey};

use super::escalation::Storm;
use super::repeat::Repeats;
use super::strategies::Strategies;
use super::tuner::Pace;
use super::{Decisions, Fairness, Load, RepeatSettings, Sessions};
use crate::access::TenantRates;
use crate::audit::Audit;
use crate::decided::DecisionLog;
use crate::history::Pool;
use crate::nonces::Nonces;
use crate::owners::Owners;
use crate::streams::{Records, StreamSettings, Streams};

/// How much a node remembers.
#[derive(Debug, Clone, Copy)]
pub struct SharedSettings {
    /// Decisions kept for `explain`.
    pub decisions_max: usize,
    /// Bytes of output kept for readers that come back, of all streams together.
    pub history_bytes: usize,
    /// Requests under idempotency keys.
    pub repeats: RepeatSettings,
    /// Streams that outlive their connection.
    pub streams: StreamSettings,
    /// How windows of sessions move.
    pub aimd: AimdConfig,
    /// Whether that is tuned by what minutes of traffic look like.
    pub is_aimd_tuned: bool,
}

/// One of each per node.
pub struct Shared {
    /// What the node is busy with.
    pub load: Arc<Load>,
    /// Decisions of recent requests.
    pub decisions: Arc<Decisions>,
    /// Which sessions are whose node's.
    pub owners: Arc<Owners>,
    /// Sessions and whose they are.
    pub sessions: Arc<Sessions>,
    /// Weights of the fair queue.
    pub fairness: Fairness,
    /// Requests by idempotency key.
    pub(crate) repeats: Arc<Repeats>,
    /// Streams that outlive their connection.
    pub streams: Arc<Streams>,
    /// Their records.
    pub records: Arc<dyn Records>,
    /// Where decisions are put on record.
    pub(super) decision_log: Arc<dyn DecisionLog>,
    /// Nonces that were seen.
    pub nonces: Nonces,
    /// What `adaptive` comes to.
    pub(super) strategies: Strategies,
    /// How many requests escalate.
    pub(super) storm: Storm,
    /// How often tenants may call.
    pub(crate) tenant_rates: TenantRates,
}

impl Shared {
    /// Nothing running; sessions are put on record in `audit`, decisions in `decision_log`.
    #[must_use]
    pub fn new(
        settings: SharedSettings,
        owners: Arc<Owners>,
        records: Arc<dyn Records>,
        audit: Arc<dyn Audit>,
        decision_log: Arc<dyn DecisionLog>,
    ) -> Self {
        let pool = Pool::new(settings.history_bytes);
        Self {
            load: Arc::default(),
            records,
            decision_log,
            decisions: Arc::new(Decisions::new(settings.decisions_max)),
            sessions: Arc::new(Sessions::new(
                Pace::new(settings.aimd, settings.is_aimd_tuned),
                audit,
            )),
            fairness: Fairness::default(),
            repeats: Repeats::new(settings.repeats, owners.journals(), &pool),
            streams: Streams::new(settings.streams, &pool),
            nonces: Nonces::default(),
            strategies: Strategies::default(),
            storm: Storm::default(),
            tenant_rates: TenantRates::default(),
            owners,
        }
    }

    /// Whether the request of a claim of this node runs here, or its end is on its way to the cluster.
    #[must_use]
    pub fn runs(&self, key: &IdempotencyKey, claim: &Claim) -> bool {
        self.repeats.runs(key, claim)
    }
}
