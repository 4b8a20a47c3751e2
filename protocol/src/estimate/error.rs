//! How wrong an estimate was (atp.md 17.4).

use crate::units::Amount;

/// Actual more than this many times the estimate is an underestimate.
const UNDER: f64 = 1.2;

/// Mean absolute percentage error, as a share: 0.2 is 20 %.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mape {
    /// Of tokens.
    pub tokens: f64,
    /// Of money.
    pub usd: f64,
}

/// `|estimate − actual| / actual`; an actual of 0 gives 0 if the estimate was 0 too, else 1.
#[must_use]
pub fn ape(estimate: u64, actual: u64) -> f64 {
    match (estimate, actual) {
        (0, 0) => 0.0,
        (_, 0) => 1.0,
        _ => estimate.abs_diff(actual) as f64 / actual as f64,
    }
}

/// Whether `actual` exceeds 1.2 times `estimate` in either component.
#[must_use]
pub fn is_under(estimate: Amount, actual: Amount) -> bool {
    let exceeds = |estimate: u64, actual: u64| actual as f64 > UNDER * estimate as f64;
    exceeds(estimate.tokens, actual.tokens) || exceeds(estimate.usd_micros, actual.usd_micros)
}

/// One call of a conformance run, each side as (input, output) tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// What the adapter expected.
    pub estimate: (u64, u64),
    /// What it used.
    pub actual: (u64, u64),
}

/// Predictability of a conformance run: 1 less the mean over samples of the mean of input and output error, not below 0.
/// No sample at all proves nothing: 0.
#[must_use]
pub fn conformance_predictability(samples: &[Sample]) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    let sum: f64 = samples
        .iter()
        .map(|Sample { estimate, actual }| (ape(estimate.0, actual.0) + ape(estimate.1, actual.1)) / 2.0)
        .sum();
    1.0 - (sum / samples.len() as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_relative_to_what_happened() {
        assert!((ape(50, 100) - 0.5).abs() < 1e-12);
        assert!((ape(200, 100) - 1.0).abs() < 1e-12);
        assert!(ape(0, 0).abs() < 1e-12);
        assert!((ape(1, 0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_fifth_above_is_still_no_underestimate() {
        let amount = |tokens, usd_micros| Amount { tokens, usd_micros };
        assert!(!is_under(amount(100, 0), amount(120, 0)));
        assert!(is_under(amount(100, 0), amount(121, 0)));
        assert!(is_under(amount(100, 0), amount(1, 1)));
    }
}
