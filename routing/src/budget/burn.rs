//! How fast money goes (atp.md 17.3, GAP-062).

use std::collections::VecDeque;

use atp_protocol::units::UnixMillis;

/// Settlements kept apart by default; when there are more within the window, further ones count at the time of the latest.
const SETTLEMENTS: usize = 4_096;

/// Settled money over a trailing window.
#[derive(Debug, Clone, PartialEq)]
pub struct BurnRate {
    window_ms: u64,
    settlements: usize,
    /// Time and micro-dollars, the oldest first.
    settled: VecDeque<(UnixMillis, u64)>,
    sum: u64,
}

impl Default for BurnRate {
    fn default() -> Self {
        Self::new(300_000)
    }
}

impl BurnRate {
    /// Nothing settled yet; `window_ms` is at least 1.
    #[must_use]
    pub fn new(window_ms: u64) -> Self {
        Self::coarse(window_ms, SETTLEMENTS)
    }

    /// The same, of so many settlements kept apart: one of many rates must be small.
    #[must_use]
    pub fn coarse(window_ms: u64, settlements: usize) -> Self {
        Self {
            window_ms: window_ms.max(1),
            settlements: settlements.max(1),
            settled: VecDeque::new(),
            sum: 0,
        }
    }

    /// Something was settled. Times that run backwards count as the latest.
    pub fn record(&mut self, at: UnixMillis, usd_micros: u64) {
        self.forget(at);
        let is_full = self.settled.len() >= self.settlements;
        match self.settled.back_mut() {
            Some((latest, sum)) if *latest >= at || is_full => {
                *sum = sum.saturating_add(usd_micros);
            }
            Some(_) | None => self.settled.push_back((at, usd_micros)),
        }
        self.sum = self.sum.saturating_add(usd_micros);
    }

    /// Dollars per minute over the window that ends at `now`.
    pub fn usd_per_min(&mut self, now: UnixMillis) -> f64 {
        self.forget(now);
        let minutes = self.window_ms as f64 / 60_000.0;
        self.sum as f64 / 1e6 / minutes
    }

    fn forget(&mut self, now: UnixMillis) {
        while let Some(&(at, usd_micros)) = self.settled.front()
            && now.0.saturating_sub(at.0) > self.window_ms
        {
            self.settled.pop_front();
            self.sum = self.sum.saturating_sub(usd_micros);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settlement_counts_for_the_length_of_the_window() {
        let mut burn = BurnRate::new(60_000);
        burn.record(UnixMillis(1_000), 2_000_000);
        assert!((burn.usd_per_min(UnixMillis(61_000)) - 2.0).abs() < 1e-9);
        assert!(burn.usd_per_min(UnixMillis(61_001)).abs() < 1e-9);
    }

    #[test]
    fn many_settlements_are_counted_and_few_are_kept() {
        let mut burn = BurnRate::new(60_000);
        for n in 0..10_000 {
            burn.record(UnixMillis(n), 100);
        }
        assert_eq!(burn.settled.len(), SETTLEMENTS);
        assert!((burn.usd_per_min(UnixMillis(10_000)) - 1.0).abs() < 1e-9);
    }
}
