//! What requests are routed by: immutable, swapped whole, read without asking anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::{ArcSwap, Guard};
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

/// The snapshots of a node.
pub struct Snapshots {
    policy: ArcSwap<PolicyInForce>,
    fib: ArcSwap<Fib>,
    routable: AtomicUsize,
}

impl Snapshots {
    /// Starts with a policy and no adapters.
    #[must_use]
    pub fn new(policy: PolicyInForce) -> Self {
        let fib = Fib::build(&policy.set, &[]);
        Self {
            policy: ArcSwap::from_pointee(policy),
            fib: ArcSwap::from_pointee(fib),
            routable: AtomicUsize::new(0),
        }
    }

    /// The policy in force.
    pub fn policy(&self) -> Guard<Arc<PolicyInForce>> {
        self.policy.load()
    }

    /// The table in force.
    pub fn fib(&self) -> Guard<Arc<Fib>> {
        self.fib.load()
    }

    /// Adapters with at least one candidate.
    #[must_use]
    pub fn routable(&self) -> usize {
        self.routable.load(Ordering::Relaxed)
    }

    /// Policy first: a table of the other policy's agents is merely stale, for the blink between the two.
    pub(super) fn publish(&self, policy: PolicyInForce, fib: Fib, routable: usize) {
        self.policy.store(Arc::new(policy));
        self.fib.store(Arc::new(fib));
        self.routable.store(routable, Ordering::Relaxed);
    }
}
