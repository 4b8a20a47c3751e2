//! Reputation of a persona from how its past answers turned out (atp.md section 20, agp.md section 24).

/// What a sample loses of its weight each day, and when it no longer counts.
const DAILY: f64 = 0.95;
const AGE_MAX_DAYS: f64 = 30.0;

/// Samples without which there is no reputation.
const SAMPLES_MIN: usize = 10;

/// Latency from which on it earns nothing, in milliseconds.
const LATENCY_MAX_MS: f64 = 1_000.0;

/// How one answer turned out. A sample with a figure that is not finite is passed over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Days since.
    pub age_days: f64,
    /// 0 to 1.
    pub accuracy: f64,
    /// 0 to 1.
    pub quality: f64,
    /// In milliseconds.
    pub latency_ms: f64,
}

/// What is thought of a persona.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reputation {
    /// 0 to 1: accuracy and quality at 0.4 each, speed at 0.2.
    pub score: f64,
    /// 0 to 1: how little accuracy, latency and quality vary.
    pub reliability: f64,
    /// Samples behind it.
    pub samples: usize,
}

/// The reputation, or `None` with fewer than ten samples of the last thirty days. Their order changes nothing beyond the
/// last digit.
#[must_use]
pub fn reputation(samples: &[Sample]) -> Option<Reputation> {
    let counted: Vec<&Sample> = samples.iter().filter(|sample| counts(sample)).collect();
    if counted.len() < SAMPLES_MIN {
        return None;
    }
    let weight = |sample: &Sample| DAILY.powf(sample.age_days);
    let weights: f64 = counted.iter().map(|sample| weight(sample)).sum();
    let mean = |figure: fn(&Sample) -> f64| {
        counted
            .iter()
            .map(|sample| weight(sample) * figure(sample))
            .sum::<f64>()
            / weights
    };
    let slowness = (mean(|sample| sample.latency_ms) / LATENCY_MAX_MS).min(1.0);
    let score =
        0.4 * mean(|sample| sample.accuracy) + 0.4 * mean(|sample| sample.quality) + 0.2 * (1.0 - slowness);
    let figures: [fn(&Sample) -> f64; 3] = [
        |sample| sample.accuracy,
        |sample| sample.latency_ms,
        |sample| sample.quality,
    ];
    let variation: f64 = figures.iter().map(|figure| variation(&counted, *figure)).sum();
    Some(Reputation {
        score,
        reliability: (1.0 - variation / 3.0).max(0.0),
        samples: counted.len(),
    })
}

fn counts(sample: &Sample) -> bool {
    let figures = [sample.accuracy, sample.quality, sample.latency_ms];
    (0.0..=AGE_MAX_DAYS).contains(&sample.age_days) && figures.iter().all(|figure| figure.is_finite())
}

/// Population standard deviation over mean; 0 when the mean is.
fn variation(samples: &[&Sample], figure: fn(&Sample) -> f64) -> f64 {
    let count = samples.len() as f64;
    let mean = samples.iter().map(|sample| figure(sample)).sum::<f64>() / count;
    if mean == 0.0 {
        return 0.0;
    }
    let squares: f64 = samples.iter().map(|sample| (figure(sample) - mean).powi(2)).sum();
    (squares / count).sqrt() / mean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(count: usize, age_days: f64) -> Vec<Sample> {
        vec![
            Sample {
                age_days,
                accuracy: 0.5,
                quality: 0.25,
                latency_ms: 250.0,
            };
            count
        ]
    }

    #[test]
    fn ten_recent_samples_make_a_reputation() {
        assert_eq!(reputation(&same(9, 0.0)), None);
        assert_eq!(reputation(&same(20, 30.1)), None);
        let steady = reputation(&same(10, 30.0)).unwrap();
        assert!((steady.score - (0.2 + 0.1 + 0.15)).abs() < 1e-12);
        assert!((steady.reliability - 1.0).abs() < 1e-12);
    }

    #[test]
    fn figures_that_are_no_numbers_are_passed_over() {
        let mut samples = same(10, 1.0);
        samples[3].latency_ms = f64::NAN;
        assert_eq!(reputation(&samples), None);
    }

    #[test]
    fn varying_samples_are_less_reliable() {
        let mut samples = same(10, 0.0);
        for sample in samples.iter_mut().step_by(2) {
            sample.accuracy = 1.0;
        }
        // Accuracy 0.75 with a deviation of 0.25; the other two do not vary.
        let reliability = reputation(&samples).unwrap().reliability;
        assert!((reliability - (1.0 - 1.0 / 9.0)).abs() < 1e-12, "{reliability}");
    }
}
