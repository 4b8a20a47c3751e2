//! What the routers of a node's arbiters share.

use std::sync::Arc;

use super::repeat::Repeats;
use super::{Decisions, Fairness, Load, RepeatSettings, Sessions};

/// One of each per node.
pub struct Shared {
    /// What the node is busy with.
    pub load: Arc<Load>,
    /// Decisions of recent requests.
    pub decisions: Arc<Decisions>,
    /// Sessions and whose they are.
    pub sessions: Arc<Sessions>,
    /// Weights of the fair queue.
    pub fairness: Fairness,
    /// Requests by idempotency key.
    pub(super) repeats: Arc<Repeats>,
}

impl Shared {
    /// Nothing running. `decisions_max` decisions are kept for `explain`.
    #[must_use]
    pub fn new(decisions_max: usize, repeats: RepeatSettings) -> Self {
        Self {
            load: Arc::default(),
            decisions: Arc::new(Decisions::new(decisions_max)),
            sessions: Arc::default(),
            fairness: Fairness::default(),
            repeats: Repeats::new(repeats),
        }
    }
}
