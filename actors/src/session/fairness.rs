//! Weights of sessions in the fair queue, and what each was served (atp.md 18.2, admin endpoints of section 25).
//!
//! Bounds: [`WEIGHTS_MAX`] weights other than 1; another is refused with `EWINDOW`. [`FLOWS_MAX`] flows are counted; the one
//! served longest ago is forgotten for a new one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::{SessionId, TenantId};
use atp_protocol::request::AgentRequest;
use atp_protocol::units::Amount;

/// Weights an operator may give.
pub const WEIGHT_RANGE: RangeInclusive<f64> = 0.1..=100.0;

/// Weights that are kept.
const WEIGHTS_MAX: usize = 4_096;

/// Flows that are counted.
const FLOWS_MAX: usize = 4_096;

/// The weight of a session nobody gave one.
const DEFAULT: f64 = 1.0;

/// Weights and counters of a node, shared by the schedulers of its arbiters.
#[derive(Default)]
pub struct Fairness {
    weights: ArcSwap<BTreeMap<SessionId, f64>>,
    served: Mutex<Served>,
}

/// A tenant's session; requests that name no session are one flow of their tenant.
type Flow = (TenantId, Option<SessionId>);

#[derive(Default)]
struct Served {
    flows: BTreeMap<Flow, ServedView>,
    /// Flows by when they were last served, longest ago first.
    order: BTreeSet<(u64, Flow)>,
    grants: u64,
}

/// What a flow was served since it was first counted.
#[derive(Debug, Clone)]
pub struct ServedView {
    /// The tenant.
    pub tenant: TenantId,
    /// The session; `None` for all requests that named none.
    pub session: Option<SessionId>,
    /// Slots granted.
    pub grants: u64,
    /// What the granted requests were expected to use.
    pub cost: Amount,
    last: u64,
}

impl Fairness {
    /// The weight of a session.
    pub(super) fn weight(&self, session: &SessionId) -> f64 {
        self.weights.load().get(session).copied().unwrap_or(DEFAULT)
    }

    /// Gives a session a weight; 1 forgets the one it had.
    ///
    /// # Errors
    /// `EBAD_INPUT` outside [`WEIGHT_RANGE`], `EWINDOW` when too many sessions have one.
    pub fn set_weight(&self, session: &SessionId, weight: f64) -> Result<(), Fault> {
        if !WEIGHT_RANGE.contains(&weight) {
            return Err(Fault::new(Code::BadInput, "weight: write 0.1 to 100"));
        }
        // The lock orders writers; readers only ever load.
        let _writing = self.served();
        let mut weights = BTreeMap::clone(&self.weights.load());
        if weight == DEFAULT {
            weights.remove(session);
        } else if weights.len() >= WEIGHTS_MAX && !weights.contains_key(session) {
            let detail = format!("{WEIGHTS_MAX} sessions have weights; set one of them back to 1");
            return Err(Fault::new(Code::Window, detail).terminal());
        } else {
            weights.insert(session.clone(), weight);
        }
        self.weights.store(Arc::new(weights));
        Ok(())
    }

    /// Every weight that is not 1, by session.
    #[must_use]
    pub fn weights(&self) -> Arc<BTreeMap<SessionId, f64>> {
        self.weights.load_full()
    }

    fn served(&self) -> MutexGuard<'_, Served> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot was granted to `request`, which is expected to use `cost`.
    pub(super) fn granted(&self, request: &AgentRequest, cost: Amount) {
        let is_named = request.session.as_str() != request.id.as_str();
        let session = is_named.then(|| request.session.clone());
        self.served().count(&request.identity.tenant, session, cost);
    }

    /// The `limit` flows that were served most, by expected tokens.
    #[must_use]
    pub fn most_served(&self, limit: usize) -> Vec<ServedView> {
        let mut views: Vec<ServedView> = self.served().flows.values().cloned().collect();
        views.sort_by_key(|view| std::cmp::Reverse((view.cost.tokens, view.grants)));
        views.truncate(limit);
        views
    }
}

impl Served {
    fn count(&mut self, tenant: &TenantId, session: Option<SessionId>, cost: Amount) {
        let flow = (tenant.clone(), session);
        self.grants += 1;
        if !self.flows.contains_key(&flow)
            && self.flows.len() >= FLOWS_MAX
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.flows.remove(&oldest);
        }
        let view = self.flows.entry(flow.clone()).or_insert_with(|| ServedView {
            tenant: flow.0.clone(),
            session: flow.1.clone(),
            grants: 0,
            cost: Amount::ZERO,
            last: 0,
        });
        self.order.remove(&(view.last, flow.clone()));
        view.grants += 1;
        view.cost = view.cost.plus(cost);
        view.last = self.grants;
        self.order.insert((view.last, flow));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(name: &str) -> SessionId {
        SessionId::new(name).unwrap()
    }

    #[test]
    fn a_weight_holds_until_it_is_set_back() {
        let fairness = Fairness::default();
        assert_eq!(fairness.weight(&session("s")), 1.0);
        fairness.set_weight(&session("s"), 2.5).unwrap();
        assert_eq!(fairness.weight(&session("s")), 2.5);
        fairness.set_weight(&session("s"), 1.0).unwrap();
        assert!(fairness.weights().is_empty());
        for weight in [0.0, 100.1, f64::NAN] {
            let refused = fairness.set_weight(&session("s"), weight).unwrap_err();
            assert_eq!(refused.code, Code::BadInput);
        }
    }

    #[test]
    fn the_flow_served_longest_ago_is_forgotten() {
        let mut served = Served::default();
        let tenant = TenantId::new("acme").unwrap();
        let cost = Amount {
            tokens: 1,
            usd_micros: 0,
        };
        for n in 0..FLOWS_MAX {
            served.count(&tenant, Some(session(&format!("s{n}"))), cost);
        }
        served.count(&tenant, Some(session("s0")), cost);
        served.count(&tenant, None, cost);
        assert_eq!(served.flows.len(), FLOWS_MAX);
        assert_eq!(served.order.len(), FLOWS_MAX);
        assert!(!served.flows.contains_key(&(tenant.clone(), Some(session("s1")))));
        assert_eq!(served.flows[&(tenant, Some(session("s0")))].grants, 2);
    }
}
