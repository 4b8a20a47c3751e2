//! At most one of something in an interval.

use crate::units::Millis;

/// Lets one pass, then none until the interval is over.
#[derive(Debug, Clone)]
pub struct Throttle {
    interval_ms: u64,
    last: Option<Millis>,
}

impl Throttle {
    /// A throttle that has let nothing pass.
    #[must_use]
    pub const fn new(interval_ms: u64) -> Self {
        Self {
            interval_ms,
            last: None,
        }
    }

    /// Whether one may pass at `now`; if so it has.
    pub fn pass(&mut self, now: Millis) -> bool {
        let is_free = self.last.is_none_or(|last| now.since(last) >= self.interval_ms);
        if is_free {
            self.last = Some(now);
        }
        is_free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_passes_in_each_interval() {
        let mut throttle = Throttle::new(500);
        let passed: Vec<_> = [0, 1, 499, 500, 600, 1_000]
            .map(|now| throttle.pass(Millis(now)))
            .to_vec();
        assert_eq!(passed, [true, false, false, true, false, true]);
    }
}
