//! Whether somebody may call, and how often (atp.md 18.4), from any arbiter.
//!
//! A call passes if its credential was not revoked (`EAUTH`), and neither the credential nor its tenant calls more often than it
//! may (`ERATE` with the time until the next call). A credential's rate is the configuration's, a tenant's the policy's; the operator's
//! calls count for no tenant.
//!
//! Bound: one bucket a credential, and one a tenant that has credentials and a rate.

mod refusals;
mod tenants;

pub use refusals::Refusals;
pub use tenants::TenantRates;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use atp_protocol::error::{Code, Fault};
use atp_protocol::flow::{Rate, TokenBucket};
use atp_protocol::request::Identity;
use atp_protocol::units::Millis;

use crate::metrics::RateScope;
use crate::session::Router;

/// What everything that one credential does has in common, on every arbiter.
#[derive(Debug, Clone, Default)]
pub struct Access(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_revoked: AtomicBool,
    /// `None` is no limit.
    bucket: ArcSwapOption<Mutex<TokenBucket>>,
}

impl Access {
    /// Access at a rate; as often as it likes without one.
    #[must_use]
    pub fn at(rate: Option<Rate>) -> Self {
        Self(Arc::new(State {
            is_revoked: AtomicBool::new(false),
            bucket: ArcSwapOption::new(rate.map(bucket)),
        }))
    }

    /// From here on at this rate, with a full bucket.
    pub fn limit(&self, rate: Option<Rate>) {
        self.0.bucket.store(rate.map(bucket));
    }

    /// Ends it, for whoever is connected as well.
    pub fn revoke(&self) {
        self.0.is_revoked.store(true, Ordering::Relaxed);
    }

    /// Fails once the credential was revoked.
    ///
    /// # Errors
    /// `EAUTH`.
    pub fn check(&self) -> Result<(), Fault> {
        match self.0.is_revoked.load(Ordering::Relaxed) {
            true => Err(Fault::new(Code::Auth, "the key was revoked; get another")),
            false => Ok(()),
        }
    }

    fn take(&self, now: Millis) -> Result<(), u64> {
        let bucket = self.0.bucket.load();
        let Some(bucket) = &*bucket else {
            return Ok(());
        };
        bucket.lock().unwrap_or_else(PoisonError::into_inner).take(now)
    }
}

fn bucket(rate: Rate) -> Arc<Mutex<TokenBucket>> {
    Arc::new(Mutex::new(rate.bucket(Millis(0))))
}

impl Router {
    /// Counts a call of `identity`, whose credential has this access.
    ///
    /// # Errors
    /// `EAUTH`, `ERATE`.
    pub fn admit(&self, identity: &Identity, access: &Access) -> Result<(), Fault> {
        access.check()?;
        let now = self.world.now();
        let dropped = |scope: RateScope, who: &str, wait_ms: u64| {
            self.world.meter.requests.rate_limited(scope);
            let detail = format!("{who} calls more often than it may; slow down");
            Fault::new(Code::Rate, detail).retry_after(wait_ms)
        };
        let taken = access.take(now);
        taken.map_err(|wait_ms| dropped(RateScope::Credential, "this key", wait_ms))?;
        let policy = self.registry.snapshots.policy();
        let tenant = &identity.tenant;
        match policy.set.rate(tenant).filter(|_| !identity.is_admin) {
            None => Ok(()),
            Some(rate) => {
                let taken = self.shared.tenant_rates.take(now, tenant, rate);
                taken.map_err(|wait_ms| dropped(RateScope::Tenant, "this key's tenant", wait_ms))
            }
        }
    }
}
