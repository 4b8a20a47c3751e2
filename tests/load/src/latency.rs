//! Latency distributions: recorded in nanoseconds, reported in microseconds.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Beyond this a sample counts as this: no request of the tool outlives its time limit.
const CEILING_NANOS: u64 = 600_000_000_000;

/// A histogram with three significant digits from 1 µs to ten minutes, about 200 KB.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1_000, CEILING_NANOS, 3).expect("the bounds are in order"))
    }
}

impl Latencies {
    /// Adds one sample; outside the bounds it counts as the nearer bound.
    pub fn record(&mut self, sample: Duration) {
        self.0
            .saturating_record(u64::try_from(sample.as_nanos()).unwrap_or(CEILING_NANOS));
    }

    /// Samples so far.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The usual percentiles; all zero without samples.
    pub fn summary(&self) -> Percentiles {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1e3;
        Percentiles {
            p50_us: at(0.50),
            p90_us: at(0.90),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: self.0.max() as f64 / 1e3,
        }
    }
}

/// What is reported of a distribution, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Median.
    pub p50_us: f64,
    /// 90th percentile.
    pub p90_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// 99.9th percentile.
    pub p999_us: f64,
    /// Largest sample.
    pub max_us: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_in_microseconds() {
        let mut latencies = Latencies::default();
        for micros in 1..=1000 {
            latencies.record(Duration::from_micros(micros));
        }
        let summary = latencies.summary();
        assert!((summary.p50_us - 500.0).abs() < 2.0, "{summary:?}");
        assert!((summary.p99_us - 990.0).abs() < 2.0, "{summary:?}");
        assert!((summary.max_us - 1000.0).abs() < 2.0, "{summary:?}");
    }

    #[test]
    fn samples_beyond_the_bounds_count_as_the_bound() {
        let mut latencies = Latencies::default();
        latencies.record(Duration::MAX);
        latencies.record(Duration::ZERO);
        assert_eq!(latencies.len(), 2);
        assert!(latencies.summary().max_us >= 6e8 * 0.99);
    }
}
