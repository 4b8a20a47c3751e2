//! A token bucket: bursts of agents (atp.md 16.3) and rates of credentials (18.4).

use crate::units::Millis;

/// Thousandths, so that a rate per second adds whole parts each millisecond.
const PARTS: u64 = 1_000;

/// Allows `rate` per second on average and `size` at once.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    rate: u32,
    size: u32,
    parts: u64,
    filled_at: Millis,
}

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub fn new(now: Millis, rate: u32, size: u32) -> Self {
        Self {
            rate,
            size,
            parts: u64::from(size) * PARTS,
            filled_at: now,
        }
    }

    /// Takes one.
    ///
    /// # Errors
    /// Milliseconds until there is one; `u64::MAX` if the rate or the size is zero.
    pub fn take(&mut self, now: Millis) -> Result<(), u64> {
        let earned = now.since(self.filled_at).saturating_mul(u64::from(self.rate));
        self.parts = self
            .parts
            .saturating_add(earned)
            .min(u64::from(self.size) * PARTS);
        self.filled_at = self.filled_at.max(now);
        if self.parts >= PARTS {
            self.parts -= PARTS;
            return Ok(());
        }
        if self.rate == 0 || self.size == 0 {
            return Err(u64::MAX);
        }
        Err((PARTS - self.parts).div_ceil(u64::from(self.rate)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_drains_the_bucket_and_time_fills_it() {
        let mut bucket = TokenBucket::new(Millis(0), 10, 2);
        assert_eq!(bucket.take(Millis(0)), Ok(()));
        assert_eq!(bucket.take(Millis(0)), Ok(()));
        assert_eq!(bucket.take(Millis(0)), Err(100));
        assert_eq!(bucket.take(Millis(99)), Err(1));
        assert_eq!(bucket.take(Millis(100)), Ok(()));
        assert_eq!(bucket.take(Millis(10_000)), Ok(()));
        assert_eq!(bucket.take(Millis(10_000)), Ok(()));
        assert_eq!(bucket.take(Millis(10_000)), Err(100));
        assert_eq!(TokenBucket::new(Millis(0), 0, 0).take(Millis(5)), Err(u64::MAX));
    }
}
