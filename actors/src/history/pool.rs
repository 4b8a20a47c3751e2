//! Bytes that all histories of a node share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use atp_protocol::ids::TenantId;
use tokio::sync::watch;

/// Part of the bytes that one tenant may have: a quarter, so that it takes several to shut the others out.
const TENANT_SHARE: usize = 4;

/// So many bytes, and how many are in use. In use may be more: a history may always keep its floor.
pub struct Pool {
    used: AtomicUsize,
    max: usize,
    /// Changes when there is room again, for all or for one tenant.
    freed: watch::Sender<()>,
    /// Those of tenants that have histories.
    shares: Mutex<BTreeMap<TenantId, Weak<Share>>>,
}

/// What one tenant may have of a pool, and how much it has.
pub struct Share {
    pool: Arc<Pool>,
    tenant: TenantId,
    used: AtomicUsize,
}

impl Pool {
    /// Nothing in use of `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicUsize::new(0),
            max,
            freed: watch::Sender::new(()),
            shares: Mutex::default(),
        })
    }

    /// The share of a tenant, one for all its histories.
    #[must_use]
    pub fn share(self: &Arc<Self>, tenant: &TenantId) -> Arc<Share> {
        let mut shares = self.shares();
        if let Some(share) = shares.get(tenant).and_then(Weak::upgrade) {
            return share;
        }
        let share = Arc::new(Share {
            pool: Arc::clone(self),
            tenant: tenant.clone(),
            used: AtomicUsize::new(0),
        });
        shares.insert(tenant.clone(), Arc::downgrade(&share));
        share
    }

    pub(super) fn shares(&self) -> MutexGuard<'_, BTreeMap<TenantId, Weak<Share>>> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    fn max(&self) -> usize {
        self.pool.max.div_ceil(TENANT_SHARE)
    }

    pub(super) fn is_full(&self) -> bool {
        let used = |bytes: &AtomicUsize| bytes.load(Ordering::Relaxed);
        used(&self.used) >= self.max() || used(&self.pool.used) >= self.pool.max
    }

    pub(super) fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        self.pool.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn give_back(&self, bytes: usize) {
        let makes_room = |used: &AtomicUsize, max: usize| {
            let before = used.fetch_sub(bytes, Ordering::Relaxed);
            before >= max && before - bytes < max
        };
        let for_tenant = makes_room(&self.used, self.max());
        if makes_room(&self.pool.used, self.pool.max) || for_tenant {
            self.pool.freed.send_replace(());
        }
    }

    pub(super) fn freed(&self) -> watch::Receiver<()> {
        self.pool.freed.subscribe()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut shares = self.pool.shares();
        // Another may have been made meanwhile.
        if shares
            .get(&self.tenant)
            .is_some_and(|share| share.strong_count() == 0)
        {
            shares.remove(&self.tenant);
        }
    }
}
