//! What requests are routed by: immutable, swapped whole, read without asking anybody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::{ArcSwap, Guard};
use atp_protocol::ids::TenantId;
use atp_routing::fib::Fib;
use atp_routing::policy::PolicySet;

/// A policy set and its version.
#[derive(Debug, Clone)]
pub struct PolicyInForce {
    /// The set.
    pub set: Arc<PolicySet>,
    /// Grows with every change.
    pub version: u64,
}

/// Who can be asked: a table for everybody, and one for each tenant that has adapters of its own. A tenant's holds
/// everybody's candidates too, so that one table decides a request and nothing of another tenant is in it.
#[derive(Debug, Clone)]
pub struct Fibs {
    /// For whoever has no adapters of its own.
    pub everybodys: Arc<Fib>,
    /// For those that have.
    pub tenants: BTreeMap<TenantId, Arc<Fib>>,
}

impl Fibs {
    /// The table by which requests of `tenant` are routed.
    #[must_use]
    pub fn of(&self, tenant: &TenantId) -> &Arc<Fib> {
        self.tenants.get(tenant).unwrap_or(&self.everybodys)
    }
}

/// The snapshots of a node.
pub struct Snapshots {
    policy: ArcSwap<PolicyInForce>,
    fibs: ArcSwap<Fibs>,
    routable: AtomicUsize,
}

impl Snapshots {
    /// Starts with a policy and no adapters.
    #[must_use]
    pub fn new(policy: PolicyInForce) -> Self {
        let fib = Fib::build(&policy.set, &[]);
        Self {
            policy: ArcSwap::from_pointee(policy),
            fibs: ArcSwap::from_pointee(Fibs {
                everybodys: Arc::new(fib),
                tenants: BTreeMap::new(),
            }),
            routable: AtomicUsize::new(0),
        }
    }

    /// The policy in force.
    pub fn policy(&self) -> Guard<Arc<PolicyInForce>> {
        self.policy.load()
    }

    /// The table in force for requests of `tenant`.
    #[must_use]
    pub fn fib(&self, tenant: &TenantId) -> Arc<Fib> {
        Arc::clone(self.fibs.load().of(tenant))
    }

    /// All tables in force.
    pub fn fibs(&self) -> Guard<Arc<Fibs>> {
        self.fibs.load()
    }

    /// Adapters with at least one candidate.
    #[must_use]
    pub fn routable(&self) -> usize {
        self.routable.load(Ordering::Relaxed)
    }

    /// Policy first: a table of the other policy's agents is merely stale, for the blink between the two.
    pub(super) fn publish(&self, policy: PolicyInForce, fibs: Fibs, routable: usize) {
        self.policy.store(Arc::new(policy));
        self.fibs.store(Arc::new(fibs));
        self.routable.store(routable, Ordering::Relaxed);
    }
}
