//! Notices a session that suddenly spends much faster than it did (atp.md 17.3, GAP-333).

use std::collections::VecDeque;

use atp_protocol::units::{Millis, Tier};

/// When a rate is a spike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpikeSettings {
    /// Weight of the latest rate in the displayed average, 0 to 1.
    pub alpha: f64,
    /// Rates the mean and deviation are taken over, the latest included.
    pub max_samples: usize,
    /// Rates needed before anything is a spike.
    pub min_samples: usize,
    /// Deviations from the mean above which a rate is a spike.
    pub z_threshold: f64,
    /// Least time between two spikes, in milliseconds.
    pub cooldown_ms: u64,
    /// How long a spike holds back work where policy says so, in milliseconds.
    pub hold_ms: u64,
}

impl Default for SpikeSettings {
    fn default() -> Self {
        Self {
            alpha: 0.1,
            max_samples: 100,
            min_samples: 10,
            z_threshold: 3.0,
            cooldown_ms: 300_000,
            hold_ms: 60_000,
        }
    }
}

/// A rate as judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Exponentially weighted average, for display.
    pub ewma: f64,
    /// Deviations from the mean.
    pub z: f64,
    /// Whether this is a spike.
    pub is_spike: bool,
}

/// The recent rates of one session.
#[derive(Debug, Clone, PartialEq)]
pub struct SpikeGuard {
    settings: SpikeSettings,
    rates: VecDeque<f64>,
    ewma: Option<f64>,
    last_spike: Option<Millis>,
}

impl SpikeGuard {
    /// No rates yet.
    #[must_use]
    pub const fn new(settings: SpikeSettings) -> Self {
        Self {
            settings,
            rates: VecDeque::new(),
            ewma: None,
            last_spike: None,
        }
    }

    /// Judges a rate, in dollars per minute.
    pub fn observe(&mut self, now: Millis, rate: f64) -> Rate {
        let SpikeSettings {
            alpha,
            max_samples,
            min_samples,
            z_threshold,
            cooldown_ms,
            ..
        } = self.settings;
        let ewma = self.ewma.map_or(rate, |ewma| alpha * rate + (1.0 - alpha) * ewma);
        self.ewma = Some(ewma);
        if self.rates.len() >= max_samples.max(1) {
            self.rates.pop_front();
        }
        self.rates.push_back(rate);
        let z = self.deviations(rate);
        let is_cool = self.last_spike.is_none_or(|at| now.since(at) >= cooldown_ms);
        let is_spike = self.rates.len() >= min_samples && z > z_threshold && is_cool;
        if is_spike {
            self.last_spike = Some(now);
        }
        Rate { ewma, z, is_spike }
    }

    /// Whether new work of a tier is to be refused, where policy says `hold`: never gold.
    #[must_use]
    pub fn holds_back(&self, now: Millis, tier: Tier) -> bool {
        let is_fresh = self
            .last_spike
            .is_some_and(|at| now.since(at) < self.settings.hold_ms);
        is_fresh && tier != Tier::Gold
    }

    fn deviations(&self, rate: f64) -> f64 {
        let count = self.rates.len() as f64;
        let mean = self.rates.iter().sum::<f64>() / count;
        let variance = self.rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / count;
        let deviation = match variance > 0.0 {
            true => variance.sqrt(),
            false => 1.0,
        };
        (rate - mean) / deviation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_holds_back_all_but_gold_for_a_while() {
        let mut guard = SpikeGuard::new(SpikeSettings::default());
        for n in 0..20 {
            assert!(!guard.observe(Millis(n), 1.0).is_spike);
        }
        assert!(!guard.holds_back(Millis(20), Tier::Bronze));
        assert!(guard.observe(Millis(20), 50.0).is_spike);
        assert!(guard.holds_back(Millis(60_019), Tier::Silver));
        assert!(!guard.holds_back(Millis(60_019), Tier::Gold));
        assert!(!guard.holds_back(Millis(60_020), Tier::Bronze));
        assert!(!guard.observe(Millis(300_019), 5_000.0).is_spike);
        assert!(guard.observe(Millis(300_020), 500_000.0).is_spike);
    }
}
