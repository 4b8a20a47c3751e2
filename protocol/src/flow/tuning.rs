//! Minutes of traffic, and the configuration of windows that follows from each (atp.md 16.3, GAP-332).

use super::{AimdConfig, Observed, Signal, Targets, Tuner};
use crate::units::Millis;

/// Between two looks, in milliseconds.
const PERIOD_MS: u64 = 60_000;

/// Looks at what happened to calls once a minute, and moves `add` and `mult` of a configuration within their ranges.
///
/// Told of traffic, it needs no timer: the first call after a minute ends it. When none came for a further minute there was
/// no traffic to judge, and the next minute begins with that call.
#[derive(Debug, Clone)]
pub struct Tuning {
    config: AimdConfig,
    targets: Targets,
    tuner: Tuner,
    began: Option<Millis>,
    calls: u32,
    answered: u32,
    latency_ms: f64,
}

impl Tuning {
    /// Begins with `config`.
    #[must_use]
    pub fn new(config: AimdConfig, targets: Targets) -> Self {
        Self {
            config,
            targets,
            tuner: Tuner::new(targets),
            began: None,
            calls: 0,
            answered: 0,
            latency_ms: 0.0,
        }
    }

    /// The configuration in force.
    #[must_use]
    pub const fn config(&self) -> AimdConfig {
        self.config
    }

    /// Takes what happened to a call; marks of congestion are none. When that ended a minute, the configuration was
    /// reconsidered, and the normalised errors are returned: latency, throughput, error rate.
    pub fn observe(&mut self, now: Millis, signal: Signal) -> Option<[f64; 3]> {
        let latency_ms = match signal {
            Signal::Ecn => return None,
            Signal::Failure => None,
            Signal::Success { latency_ms, .. } => Some(latency_ms).filter(|ms| ms.is_finite()),
        };
        let elapsed_ms = now.since(*self.began.get_or_insert(now));
        let errors = (elapsed_ms >= PERIOD_MS)
            .then(|| self.end(now, elapsed_ms))
            .flatten();
        self.calls = self.calls.saturating_add(1);
        if let Some(latency_ms) = latency_ms {
            self.answered = self.answered.saturating_add(1);
            self.latency_ms += latency_ms;
        }
        errors
    }

    fn end(&mut self, now: Millis, elapsed_ms: u64) -> Option<[f64; 3]> {
        let seconds = elapsed_ms as f64 / 1_000.0;
        let calls = f64::from(self.calls);
        let answered = f64::from(self.answered);
        let observed = Observed {
            latency_ms: match self.answered {
                0 => self.targets.latency_ms,
                _ => self.latency_ms / answered,
            },
            throughput: calls / seconds,
            error_rate: (calls - answered) / calls.max(1.0),
        };
        self.began = Some(now);
        (self.calls, self.answered, self.latency_ms) = (0, 0, 0.0);
        if elapsed_ms >= 2 * PERIOD_MS {
            return None;
        }
        self.config = self.tuner.tune(self.config, observed, seconds);
        Some(self.targets.errors(observed))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flow::Aimd;

    fn success(latency_ms: f64) -> Signal {
        Signal::Success {
            latency_ms,
            target_ms: None,
        }
    }

    fn tuning() -> Tuning {
        Tuning::new(AimdConfig::default(), Targets::default())
    }

    #[test]
    fn a_minute_is_judged_by_the_first_call_after_it() {
        let mut tuning = tuning();
        for call in 0..6_000 {
            assert_eq!(tuning.observe(Millis(call * 10), success(750.0)), None);
        }
        let errors = tuning.observe(Millis(60_000), Signal::Failure).unwrap();
        // Twice as quick as wanted, as many as wanted, none failed.
        assert_eq!(errors, [0.5, 0.0, 1.0]);
        let config = tuning.config();
        assert!((config.add - (1.0 + 0.5 * 0.1)).abs() < 1e-9, "{config:?}");
        assert!(config.mult > 0.5);
        assert_eq!(tuning.observe(Millis(60_001), Signal::Failure), None);
        let errors = tuning.observe(Millis(120_000), Signal::Failure).unwrap();
        assert_eq!(
            errors[0], 0.0,
            "without answers nothing is known of their latency"
        );
        assert!((errors[2] + 99.0).abs() < 1e-9, "all failed: {errors:?}");
    }

    #[test]
    fn a_pause_is_no_traffic_to_judge() {
        let mut tuning = tuning();
        tuning.observe(Millis(0), success(9_000.0));
        assert_eq!(tuning.observe(Millis(120_000), success(1.0)), None);
        assert_eq!(tuning.config(), AimdConfig::default());
        assert!(tuning.observe(Millis(180_000), success(1.0)).is_some());
    }

    #[test]
    fn a_fraction_adds_nothing_until_it_is_whole() {
        let mut aimd = Aimd::new(AimdConfig {
            add: 1.9,
            ..AimdConfig::default()
        });
        assert_eq!(aimd.signal(Millis(0), success(1.0), 0.0).current, 5);
    }

    proptest! {
        #[test]
        fn whatever_the_traffic_only_add_and_mult_move_and_within_their_ranges(
            calls in prop::collection::vec((0_u64..90_000, prop::option::of(0.0..1e12_f64)), 0..300)
        ) {
            let mut tuning = tuning();
            let mut now = 0;
            for (step, latency) in calls {
                now += step;
                tuning.observe(Millis(now), latency.map_or(Signal::Failure, success));
                let config = tuning.config();
                prop_assert!((1.0..=10.0).contains(&config.add), "{:?}", config);
                prop_assert!((0.1..=0.9).contains(&config.mult), "{:?}", config);
                let moved = AimdConfig { add: 1.0, mult: 0.5, ..config };
                prop_assert_eq!(moved, AimdConfig::default());
            }
        }
    }
}
