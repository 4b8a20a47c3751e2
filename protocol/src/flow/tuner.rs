//! Tunes the adaptive windows from what a minute of traffic looked like (atp.md 16.3, GAP-332).

use super::AimdConfig;

const KP: f64 = 0.1;
const KI: f64 = 0.01;
const KD: f64 = 0.05;
/// Bound of an integral, both ways.
const WINDUP: f64 = 10.0;

/// What the traffic should look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Targets {
    /// Latency to the first chunk in milliseconds.
    pub latency_ms: f64,
    /// Calls per second.
    pub throughput: f64,
    /// Share of failed calls.
    pub error_rate: f64,
}

impl Default for Targets {
    fn default() -> Self {
        Self {
            latency_ms: 1_500.0,
            throughput: 100.0,
            error_rate: 0.01,
        }
    }
}

impl Targets {
    /// How far off traffic was, as shares of each target: latency, throughput, error rate. Above 0 is better than wanted.
    ///
    /// Normalised, because raw milliseconds would saturate the outputs on the first step.
    #[must_use]
    pub fn errors(&self, observed: Observed) -> [f64; 3] {
        let error = |target: f64, value: f64| (target - value) / target;
        [
            error(self.latency_ms, observed.latency_ms),
            -error(self.throughput, observed.throughput),
            error(self.error_rate, observed.error_rate),
        ]
    }
}

/// What it did look like; the same quantities and units as [`Targets`].
pub type Observed = Targets;

/// A controller of one quantity.
#[derive(Debug, Clone, Copy, Default)]
struct Pid {
    integral: f64,
    last: Option<f64>,
}

impl Pid {
    fn step(&mut self, error: f64, dt_s: f64, ki: f64) -> f64 {
        self.integral = (self.integral + ki * error * dt_s).clamp(-WINDUP, WINDUP);
        let slope = self.last.map_or(0.0, |last| (error - last) / dt_s);
        self.last = Some(error);
        KP * error + self.integral + KD * slope
    }
}

/// Moves `add` and `mult` of a configuration within their ranges.
#[derive(Debug, Clone, Default)]
pub struct Tuner {
    targets: Targets,
    latency: Pid,
    throughput: Pid,
    errors: Pid,
}

impl Tuner {
    /// A tuner towards `targets`.
    #[must_use]
    pub fn new(targets: Targets) -> Self {
        Self {
            targets,
            ..Self::default()
        }
    }

    /// The configuration after one observation; the caller takes one every `dt_s` seconds, 60 by default. Quantities that
    /// are not finite, and a `dt_s` not above 0, change nothing.
    pub fn tune(&mut self, config: AimdConfig, observed: Observed, dt_s: f64) -> AimdConfig {
        let [latency, throughput, errors] = self.targets.errors(observed);
        let is_sound = [latency, throughput, errors]
            .iter()
            .all(|error| error.is_finite());
        if !is_sound || dt_s.is_nan() || dt_s <= 0.0 {
            return config;
        }
        let out_latency = self.latency.step(latency, dt_s, KI);
        let out_throughput = self.throughput.step(throughput, dt_s, KI);
        let out_errors = self.errors.step(errors, dt_s, 0.0);
        AimdConfig {
            add: (config.add + 0.1 * out_throughput + 0.5 * out_errors).clamp(1.0, 10.0),
            mult: (config.mult + 0.01 * out_latency).clamp(0.1, 0.9),
            ..config
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_on_target_changes_nothing() {
        let mut tuner = Tuner::default();
        let config = AimdConfig::default();
        assert_eq!(tuner.tune(config, Targets::default(), 60.0), config);
    }

    #[test]
    fn one_step_is_the_formula() {
        let mut tuner = Tuner::default();
        let observed = Targets {
            latency_ms: 750.0,
            throughput: 150.0,
            error_rate: 0.005,
        };
        let tuned = tuner.tune(AimdConfig::default(), observed, 60.0);
        // Each error is 0.5: proportional 0.05, integral 0.3 (none for the error rate), no slope yet.
        assert!((tuned.add - (1.0 + 0.1 * 0.35 + 0.5 * 0.05)).abs() < 1e-9);
        assert!((tuned.mult - (0.5 + 0.01 * 0.35)).abs() < 1e-9);
    }

    #[test]
    fn an_integral_is_bounded_so_that_what_is_over_is_soon_forgotten() {
        let mut pid = Pid::default();
        for _ in 0..10_000 {
            pid.step(1e6, 60.0, KI);
        }
        assert_eq!(pid.integral, WINDUP);
        for _ in 0..20 {
            pid.step(-1e3, 60.0, KI);
        }
        assert_eq!(pid.integral, -WINDUP);
        let mut without = Pid::default();
        without.step(5.0, 60.0, 0.0);
        assert_eq!(without.integral, 0.0);
    }

    #[test]
    fn outputs_stay_within_their_ranges() {
        let mut tuner = Tuner::default();
        let mut config = AimdConfig::default();
        let terrible = Targets {
            latency_ms: 1e9,
            throughput: 1e9,
            error_rate: 1.0,
        };
        for _ in 0..1_000 {
            config = tuner.tune(config, terrible, 60.0);
            assert!((1.0..=10.0).contains(&config.add) && (0.1..=0.9).contains(&config.mult));
        }
        let nonsense = Targets {
            latency_ms: f64::NAN,
            ..terrible
        };
        assert_eq!(tuner.tune(config, nonsense, 60.0), config);
        assert_eq!(tuner.tune(config, terrible, 0.0), config);
    }
}
