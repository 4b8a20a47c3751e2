//! How often somebody may call (atp.md 18.4), from any arbiter.

use std::sync::{Arc, Mutex, PoisonError};

use atp_protocol::error::{Code, Fault};
use atp_protocol::flow::TokenBucket;

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
