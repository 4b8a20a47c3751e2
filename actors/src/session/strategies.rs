//! The strategies that `adaptive` stands by on this node, one for each policy (atp.md section 20).
//!
//! Bound: [`POLICIES_MAX`] policies, which are never forgotten. Requests of a further one go by what they demand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atp_protocol::units::Millis;
use atp_routing::reconcile::{Demand, Sample, Standing, Strategy, choose};

use crate::metrics::Meter;

/// Policies that are remembered.
const POLICIES_MAX: usize = 1_024;

/// See the module. Locked for requests under `adaptive` only.
#[derive(Debug, Default)]
pub(super) struct Strategies(Mutex<BTreeMap<Arc<str>, Standing>>);

impl Strategies {
    fn table(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The strategy for a request of this demand.
    pub(super) fn of(&self, now: Millis, policy: &str, demand: &Demand) -> Strategy {
        let table = self.table();
        let standing = table.get(policy);
        standing.map_or_else(|| choose(demand), |standing| standing.strategy(now, demand))
    }

    /// A request goes by `strategy`.
    pub(super) fn follow(&self, now: Millis, policy: &Arc<str>, strategy: Strategy, meter: &Meter) {
        let mut table = self.table();
        if table.len() >= POLICIES_MAX && !table.contains_key(policy) {
            return;
        }
        let standing = table.entry(Arc::clone(policy)).or_default();
        if let Some(before) = standing.follow(now, strategy) {
            drop(table);
            meter.answers.switched(before, strategy);
            tracing::info!(%policy, from = %before, to = %strategy, "adaptive strategy switched");
        }
    }

    /// A request that went by `strategy` is over.
    pub(super) fn observe(&self, policy: &str, strategy: Strategy, sample: &Sample) {
        if let Some(standing) = self.table().get_mut(policy) {
            standing.observe(strategy, sample);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::testing::world;

    #[test]
    fn each_policy_stands_by_its_own_and_beyond_the_bound_the_demand_decides() {
        let (world, _) = world();
        let strategies = Strategies::default();
        let policy = |n: usize| -> Arc<str> { n.to_string().into() };
        let calm = Demand {
            time_pressure: false,
            quality: 0.5,
            cost_sensitivity: 0.0,
            personas: 1,
        };
        for n in 0..=POLICIES_MAX {
            strategies.follow(Millis(0), &policy(n), Strategy::Consensus, &world.meter);
        }
        assert_eq!(strategies.of(Millis(0), "0", &calm), Strategy::Consensus);
        let beyond = policy(POLICIES_MAX);
        assert_eq!(strategies.of(Millis(0), &beyond, &calm), Strategy::FirstWin);
        let failed = Sample {
            is_success: false,
            latency_ms: 1.0,
            quality: None,
        };
        for _ in 0..5 {
            strategies.observe("0", Strategy::Consensus, &failed);
            strategies.observe(&beyond, Strategy::Consensus, &failed);
        }
        assert_eq!(strategies.of(Millis(0), "0", &calm), Strategy::FirstWin);
        assert_eq!(strategies.of(Millis(0), "1", &calm), Strategy::Consensus);
    }
}
