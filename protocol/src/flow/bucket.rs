//! A token bucket: bursts of agents (atp.md 16.3) and rates of credentials and tenants (18.4).

use crate::units::Millis;

/// Thousandths, so that a rate per second adds whole parts each millisecond.
const PARTS: i64 = 1_000;

/// How often somebody may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Times per second on average; at least 1.
    pub per_s: u32,
    /// Times at once; at least 1.
    pub burst: u32,
}

impl Rate {
    /// A rate as operators write it; `None` where `per_s` is 0, which means unlimited. A burst of 0 is one second's worth.
    #[must_use]
    pub const fn written(per_s: u32, burst: u32) -> Option<Self> {
        match (per_s, burst) {
            (0, _) => None,
            (_, 0) => Some(Self { per_s, burst: per_s }),
            _ => Some(Self { per_s, burst }),
        }
    }

    /// A full bucket that is filled at this rate.
    #[must_use]
    pub fn bucket(self, now: Millis) -> TokenBucket {
        TokenBucket::new(now, self.per_s, self.burst)
    }
}

/// Allows `rate` per second on average and `size` at once.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    rate: u32,
    size: u32,
    /// Below zero when tokens were booked that are yet to come.
    parts: i64,
    filled_at: Millis,
}

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub fn new(now: Millis, rate: u32, size: u32) -> Self {
        Self {
            rate,
            size,
            parts: i64::from(size) * PARTS,
            filled_at: now,
        }
    }

    /// Takes one.
    ///
    /// # Errors
    /// Milliseconds until there is one; `u64::MAX` if the rate or the size is zero.
    pub fn take(&mut self, now: Millis) -> Result<(), u64> {
        self.book(now, 0).map(drop)
    }

    /// Takes one that is there within `wait_max_ms`, ahead of time where need be, so that who books first comes first.
    /// Returns how long it is to be waited for, in milliseconds.
    ///
    /// # Errors
    /// The wait if it is longer, and nothing is taken; `u64::MAX` if the rate or the size is zero.
    pub fn book(&mut self, now: Millis, wait_max_ms: u64) -> Result<u64, u64> {
        let wait_ms = self.wait_ms(now);
        if wait_ms == u64::MAX || wait_ms > wait_max_ms {
            return Err(wait_ms);
        }
        self.parts = self.parts.saturating_sub(PARTS);
        Ok(wait_ms)
    }

    /// Milliseconds until there is one for whoever comes next; `u64::MAX` if the rate or the size is zero.
    pub fn wait_ms(&mut self, now: Millis) -> u64 {
        if self.rate == 0 || self.size == 0 {
            return u64::MAX;
        }
        let earned = now.since(self.filled_at).saturating_mul(u64::from(self.rate));
        self.parts = self
            .parts
            .saturating_add_unsigned(earned)
            .min(i64::from(self.size) * PARTS);
        self.filled_at = self.filled_at.max(now);
        let lacking = PARTS.saturating_sub(self.parts).max(0);
        lacking.unsigned_abs().div_ceil(u64::from(self.rate))
    }

    /// Gives back one that was booked and not used.
    pub fn give_back(&mut self) {
        self.parts = self.parts.saturating_add(PARTS).min(i64::from(self.size) * PARTS);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        assert_eq!(
            TokenBucket::new(Millis(0), 0, 0).book(Millis(5), u64::MAX),
            Err(u64::MAX)
        );
    }

    #[test]
    fn who_books_first_comes_first_and_nobody_waits_too_long() {
        let mut bucket = TokenBucket::new(Millis(0), 10, 1);
        let waits: Vec<_> = (0..5).map(|_| bucket.book(Millis(0), 250)).collect();
        assert_eq!(waits, [Ok(0), Ok(100), Ok(200), Err(300), Err(300)]);
        assert_eq!(bucket.wait_ms(Millis(50)), 250);
        bucket.give_back();
        assert_eq!(bucket.book(Millis(50), 250), Ok(150));
        assert_eq!(bucket.take(Millis(299)), Err(1));
        assert_eq!(bucket.take(Millis(300)), Ok(()));
    }

    proptest! {
        #[test]
        fn in_any_second_no_more_are_used_than_size_and_rate_allow(
            rate in 1_u32..50,
            size in 1_u32..50,
            steps in prop::collection::vec((0_u64..200, 0_u64..3_000), 1..200),
        ) {
            let mut bucket = TokenBucket::new(Millis(0), rate, size);
            let (mut now, mut used) = (0, Vec::new());
            for (step, wait_max) in steps {
                now += step;
                if let Ok(wait) = bucket.book(Millis(now), wait_max) {
                    prop_assert!(wait <= wait_max);
                    used.push(now + wait);
                }
            }
            prop_assert!(used.is_sorted());
            for (at, from) in used.iter().enumerate() {
                let within = used[at..].iter().take_while(|use_at| **use_at <= from + 1_000).count();
                prop_assert!(within <= (size + rate) as usize + 1);
            }
        }
    }
}
