//! The keys that a node has to do with, from any arbiter.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atp_protocol::error::{Code, Fault};
use atp_protocol::resume::{Bounds, Claim, IdempotencyKey, Place, RequestHash};

use super::run::Run;
use crate::history::Pool;
use crate::streams::Records;

/// Requests of a node by key: those that it asks the cluster about, runs, or waits for.
pub(crate) struct Repeats {
    running: Mutex<BTreeMap<IdempotencyKey, Known>>,
    claims: AtomicU64,
    pool: Arc<Pool>,
    /// What each journal group remembers.
    pub(super) bounds: Bounds,
}

struct Known {
    hash: RequestHash,
    claim: Claim,
    run: Arc<Run>,
}

/// What a request is to do.
pub(super) enum Next {
    /// It is the first here.
    First(Running),
    /// There is one here already.
    Attach(Place, Arc<Run>),
}

impl Repeats {
    /// `bounds` are those of `journals` groups together.
    pub(in crate::session) fn new(bounds: Bounds, journals: u16, pool: &Arc<Pool>) -> Arc<Self> {
        let share = |whole: u64| whole.div_ceil(u64::from(journals.max(1)));
        Arc::new(Self {
            running: Mutex::default(),
            claims: AtomicU64::new(1),
            pool: Arc::clone(pool),
            bounds: Bounds {
                ttl_ms: bounds.ttl_ms,
                keys_max: share(bounds.keys_max),
                bytes_max: share(bounds.bytes_max),
            },
        })
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<IdempotencyKey, Known>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the request of a claim runs here, or is about to, or its end is on its way to the cluster.
    pub(crate) fn runs(&self, key: &IdempotencyKey, claim: &Claim) -> bool {
        let running = self.running();
        running.get(key).is_some_and(|known| known.claim == *claim)
    }

    /// # Errors
    /// `EIDEM` if the key is in use for another request.
    pub(super) fn begin(
        self: &Arc<Self>,
        records: &dyn Records,
        key: &IdempotencyKey,
        hash: RequestHash,
        place: Place,
    ) -> Result<Next, Fault> {
        let mut running = self.running();
        if let Some(known) = running.get(key) {
            return match known.hash == hash {
                true => Ok(Next::Attach(known.claim.place.clone(), Arc::clone(&known.run))),
                false => Err(other_request()),
            };
        }
        let claim = Claim {
            node: records.node(),
            life: records.life(),
            number: self.claims.fetch_add(1, Ordering::Relaxed),
            place,
        };
        let run = Arc::new(Run::new(self.pool.share(&key.tenant)));
        let known = Known {
            hash,
            claim: claim.clone(),
            run: Arc::clone(&run),
        };
        running.insert(key.clone(), known);
        Ok(Next::First(Running {
            repeats: Arc::clone(self),
            key: key.clone(),
            hash,
            claim,
            run,
        }))
    }
}

pub(super) fn other_request() -> Fault {
    Fault::new(Code::Idem, "the key was used for another request; use a new one")
}

/// A request that this node has to do with. When it is dropped, repeats ask the cluster again.
pub(super) struct Running {
    pub(super) repeats: Arc<Repeats>,
    pub(super) key: IdempotencyKey,
    pub(super) hash: RequestHash,
    pub(super) claim: Claim,
    pub(super) run: Arc<Run>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.repeats.running().remove(&self.key);
    }
}
