//! The nonces of all tenants of a node.

use std::collections::BTreeMap;

use super::{NonceStore, Refusal, ReplayConfig};
use crate::ids::{KeyId, TenantId};
use crate::units::{Millis, UnixMillis};

/// Share of the capacity that one tenant may fill: a quarter, so that it takes several to shut the others out.
const TENANT_SHARE: usize = 4;

/// A store for each tenant, within one capacity.
///
/// A tenant that fills its share, or tenants that together fill the capacity, are refused with [`Refusal::Full`] until nonces
/// expire: nothing live is ever forgotten.
#[derive(Debug)]
pub struct TenantNonces {
    config: ReplayConfig,
    tenants: BTreeMap<TenantId, NonceStore>,
    total: usize,
    /// When expired nonces of all tenants were last let go.
    swept: Millis,
}

impl TenantNonces {
    /// No nonces; at most [`ReplayConfig::capacity`] in all.
    #[must_use]
    pub const fn new(config: ReplayConfig) -> Self {
        Self {
            config,
            tenants: BTreeMap::new(),
            total: 0,
            swept: Millis(0),
        }
    }

    /// As [`NonceStore::check`].
    ///
    /// # Errors
    /// [`Refusal`]; nothing is remembered then.
    pub fn check(
        &mut self,
        now: Millis,
        wall: UnixMillis,
        (tenant, kid, nonce): (&TenantId, Option<&KeyId>, &str),
        ts: Option<UnixMillis>,
    ) -> Result<(), Refusal> {
        if self.total >= self.config.capacity {
            self.sweep(now);
        }
        let has_room = self.total < self.config.capacity;
        let config = ReplayConfig {
            capacity: self.config.capacity.div_ceil(TENANT_SHARE),
            ..self.config
        };
        let store = self
            .tenants
            .entry(tenant.clone())
            .or_insert_with(|| NonceStore::new(config));
        let before = store.len();
        let checked = match has_room {
            true => store.check(now, wall, (tenant, kid, nonce), ts),
            false => Err(Refusal::Full),
        };
        self.total = self.total + store.len() - before;
        checked
    }

    /// How many nonces are remembered.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.total
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Lets go of what has expired, of every tenant; once a second, because a full store is asked often.
    fn sweep(&mut self, now: Millis) {
        if now.since(self.swept) < 1_000 {
            return;
        }
        self.swept = now;
        self.tenants.retain(|_, store| {
            store.forget(now);
            !store.is_empty()
        });
        self.total = self.tenants.values().map(NonceStore::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(store: &mut TenantNonces, now: u64, tenant: &str, nonce: &str) -> Result<(), Refusal> {
        let tenant = TenantId::new(tenant).unwrap();
        store.check(Millis(now), UnixMillis(0), (&tenant, None, nonce), None)
    }

    fn of_capacity(capacity: usize) -> TenantNonces {
        TenantNonces::new(ReplayConfig {
            capacity,
            ..ReplayConfig::default()
        })
    }

    #[test]
    fn a_tenant_that_fills_its_share_shuts_itself_out_and_nobody_else() {
        let mut store = of_capacity(8);
        for nonce in ["a", "b"] {
            assert_eq!(check(&mut store, 0, "greedy", nonce), Ok(()));
        }
        assert_eq!(check(&mut store, 0, "greedy", "c"), Err(Refusal::Full));
        assert_eq!(check(&mut store, 0, "other", "c"), Ok(()));
        assert_eq!(check(&mut store, 0, "other", "c"), Err(Refusal::Seen));
        assert_eq!(store.len(), 3);
    }

    #[test]
    fn a_full_store_refuses_everybody_until_nonces_expire() {
        let mut store = of_capacity(4);
        for tenant in ["a", "b", "c", "d"] {
            assert_eq!(check(&mut store, 10, tenant, "n"), Ok(()));
        }
        assert_eq!(check(&mut store, 60_010, "e", "n"), Err(Refusal::Full));
        assert_eq!(check(&mut store, 61_010, "e", "n"), Ok(()));
        assert_eq!(store.len(), 1);
    }
}
