//! What was observed lately, for gauges that speak of the last seconds.

use std::sync::{Mutex, PoisonError};

use atp_protocol::units::Millis;

/// Seconds remembered.
const SECONDS: usize = 60;

#[derive(Clone, Copy)]
struct Second {
    /// Which, since the clock's start; its slot is taken over 60 seconds later.
    at: u64,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

const NOTHING: Second = Second {
    at: u64::MAX,
    count: 0,
    sum: 0.0,
    min: f64::INFINITY,
    max: f64::NEG_INFINITY,
};

/// Observations of the last minute, second by second.
pub(super) struct Recent(Mutex<[Second; SECONDS]>);

impl Recent {
    pub(super) const fn new() -> Self {
        Self(Mutex::new([NOTHING; SECONDS]))
    }

    pub(super) fn record(&self, now: Millis, value: f64) {
        let at = now.0 / 1_000;
        let mut seconds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let second = &mut seconds[at as usize % SECONDS];
        if second.at != at {
            *second = Second { at, ..NOTHING };
        }
        second.count += 1;
        second.sum += value;
        second.min = second.min.min(value);
        second.max = second.max.max(value);
    }

    /// Everything of the last `seconds`, at most a minute; `None` when there was nothing.
    fn last(&self, now: Millis, seconds: u64) -> Option<Second> {
        let now = now.0 / 1_000;
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = recent
            .iter()
            .filter(|second| second.count > 0 && second.at <= now && now - second.at < seconds)
            .fold(NOTHING, |sum, second| Second {
                at: now,
                count: sum.count + second.count,
                sum: sum.sum + second.sum,
                min: sum.min.min(second.min),
                max: sum.max.max(second.max),
            });
        (sum.count > 0).then_some(sum)
    }

    pub(super) fn max(&self, now: Millis, seconds: u64) -> Option<f64> {
        self.last(now, seconds).map(|second| second.max)
    }

    pub(super) fn min(&self, now: Millis, seconds: u64) -> Option<f64> {
        self.last(now, seconds).map(|second| second.min)
    }

    pub(super) fn mean(&self, now: Millis, seconds: u64) -> Option<f64> {
        self.last(now, seconds)
            .map(|second| second.sum / second.count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_asked_for_does_not_count() {
        let recent = Recent::new();
        assert_eq!(recent.mean(Millis(0), 60), None);
        recent.record(Millis(1_000), 8.0);
        recent.record(Millis(30_500), 2.0);
        recent.record(Millis(30_900), 4.0);
        let now = Millis(40_000);
        assert_eq!(recent.max(now, 60), Some(8.0));
        assert_eq!(recent.mean(now, 15), Some(3.0));
        assert_eq!(recent.min(now, 15), Some(2.0));
        recent.record(Millis(61_000), 1.0);
        assert_eq!(recent.max(Millis(61_000), 60), Some(4.0));
    }
}
