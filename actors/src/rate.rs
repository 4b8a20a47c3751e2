//! How often somebody may call (atp.md 18.4), from any arbiter.

use std::sync::{Arc, Mutex, PoisonError};

use atp_protocol::error::{Code, Fault};
use atp_protocol::flow::TokenBucket;
use atp_protocol::units::Millis;

use crate::environment::World;

/// A limit shared by everything one credential does; `None` inside is none.
#[derive(Debug, Clone, Default)]
pub struct RateLimit(Option<Arc<Mutex<TokenBucket>>>);

impl RateLimit {
    /// Allows what `bucket` does.
    #[must_use]
    pub fn new(bucket: TokenBucket) -> Self {
        Self(Some(Arc::new(Mutex::new(bucket))))
    }

    /// Counts a call.
    ///
    /// # Errors
    /// `ERATE` with the time until the next one.
    pub fn admit(&self, world: &World) -> Result<(), Fault> {
        let Some(bucket) = &self.0 else {
            return Ok(());
        };
        let taken = bucket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(world.now());
        taken.map_err(|wait_ms| {
            world.meter.requests.rate_limited.increment(1);
            Fault::new(Code::Rate, "this key calls more often than it may; slow down").retry_after(wait_ms)
        })
    }
}

/// How long a connection may be refused, with nothing admitted in between, before it is closed (4429, atp.md 15.2).
const SUSTAINED_MS: u64 = 30_000;

/// Refusals in a row.
#[derive(Debug, Default)]
pub struct Refusals {
    since: Option<Millis>,
}

impl Refusals {
    /// One more. Whether they have gone on for too long.
    pub fn is_sustained(&mut self, now: Millis) -> bool {
        now.since(*self.since.get_or_insert(now)) >= SUSTAINED_MS
    }

    /// Something was admitted.
    pub const fn clear(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_sustained_when_nothing_was_admitted_for_30_seconds() {
        let mut refusals = Refusals::default();
        assert!(!refusals.is_sustained(Millis(1_000)));
        assert!(!refusals.is_sustained(Millis(30_999)));
        assert!(refusals.is_sustained(Millis(31_000)));
        refusals.clear();
        assert!(!refusals.is_sustained(Millis(31_001)));
    }
}
