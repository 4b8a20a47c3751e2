//! How often tenants may call.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use atp_protocol::flow::{Rate, TokenBucket};
use atp_protocol::ids::TenantId;
use atp_protocol::units::Millis;

/// The buckets of tenants that have a rate, one for all credentials of each.
#[derive(Default)]
pub struct TenantRates(Mutex<BTreeMap<TenantId, (Rate, TokenBucket)>>);

impl TenantRates {
    /// Counts a call of `tenant` at the rate in force. A rate that changed begins with a full bucket.
    ///
    /// # Errors
    /// Milliseconds until the next call.
    pub(super) fn take(&self, now: Millis, tenant: &TenantId, rate: Rate) -> Result<(), u64> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, bucket) = buckets
            .entry(tenant.clone())
            .or_insert_with(|| (rate, rate.bucket(now)));
        if *known != rate {
            (*known, *bucket) = (rate, rate.bucket(now));
        }
        bucket.take(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenant_has_a_bucket_of_its_own_and_a_changed_rate_holds_at_once() {
        let rates = TenantRates::default();
        let (acme, globex) = (TenantId::new("acme").unwrap(), TenantId::new("globex").unwrap());
        let slow = Rate { per_s: 1, burst: 1 };
        assert_eq!(rates.take(Millis(0), &acme, slow), Ok(()));
        assert_eq!(rates.take(Millis(0), &acme, slow), Err(1_000));
        assert_eq!(rates.take(Millis(0), &globex, slow), Ok(()));
        let fast = Rate { per_s: 10, burst: 1 };
        assert_eq!(rates.take(Millis(0), &acme, fast), Ok(()));
        assert_eq!(rates.take(Millis(0), &acme, fast), Err(100));
    }
}
