//! The guard band over an estimate (atp.md 17.2).

use super::{Estimate, Mape};
use crate::units::{Amount, Tier};

/// σ as a share of the mean when nothing is known of it.
const SHARE: f64 = 0.25;

/// Standard score of the 95th percentile.
const Z95: f64 = 1.645;

/// Less than this above a whole number is noise of the square root, in tokens or micro-dollars.
const NOISE: f64 = 1e-6;

/// Standard deviations a tier reserves above the mean.
#[must_use]
pub const fn guard_k(tier: Tier) -> f64 {
    match tier {
        Tier::Gold => 2.0,
        Tier::Silver => 1.0,
        Tier::Bronze => 0.5,
    }
}

/// Where a standard deviation was taken from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SigmaSource {
    /// The adapter's variance.
    Variance,
    /// Its 95th percentile.
    P95,
    /// How wrong it has been.
    History,
    /// A quarter of the mean.
    Presumed,
}

/// An estimate with its guard band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guarded {
    /// What to reserve: never below the mean.
    pub amount: Amount,
    /// Where σ of the tokens came from.
    pub tokens_from: SigmaSource,
    /// Where σ of the money came from.
    pub usd_from: SigmaSource,
}

impl Estimate {
    /// `⌈mean + k·σ⌉` of tokens and of money, plus the cost of tools.
    ///
    /// `mape`: the adapter's mean error over seven days, if it has a history. `most`: what the model costs when its whole
    /// context is used; caps the band, but not below the mean, and leaves tools out.
    #[must_use]
    pub fn guarded(&self, tier: Tier, mape: Option<Mape>, most: Option<Amount>) -> Guarded {
        let tokens = Spread {
            mean: self.in_tokens.saturating_add(self.out_tokens),
            sigma: self.variance.map(|variance| variance.tokens.sqrt()),
            p95: self.p95_tokens,
            mape: mape.map(|mape| mape.tokens),
        };
        let usd = Spread {
            mean: self.usd_micros,
            sigma: self.variance.map(|variance| variance.usd.sqrt() * 1e6),
            p95: self.p95_usd_micros,
            mape: mape.map(|mape| mape.usd),
        };
        let k = guard_k(tier);
        let (effective_tokens, tokens_from) = tokens.band(k, most.map(|most| most.tokens));
        let (effective_usd, usd_from) = usd.band(k, most.map(|most| most.usd_micros));
        Guarded {
            amount: Amount {
                tokens: effective_tokens,
                usd_micros: effective_usd.saturating_add(self.tools_usd_micros),
            },
            tokens_from,
            usd_from,
        }
    }
}

/// What is known of one quantity.
struct Spread {
    mean: u64,
    sigma: Option<f64>,
    p95: Option<u64>,
    mape: Option<f64>,
}

impl Spread {
    fn sigma(&self) -> (f64, SigmaSource) {
        let mean = self.mean as f64;
        let usable = |sigma: &f64| sigma.is_finite() && *sigma >= 0.0;
        if let Some(sigma) = self.sigma.filter(usable) {
            return (sigma, SigmaSource::Variance);
        }
        if let Some(p95) = self.p95 {
            return ((p95 as f64 - mean).max(0.0) / Z95, SigmaSource::P95);
        }
        if let Some(mape) = self.mape.filter(usable) {
            return (mean * mape, SigmaSource::History);
        }
        (mean * SHARE, SigmaSource::Presumed)
    }

    fn band(&self, k: f64, most: Option<u64>) -> (u64, SigmaSource) {
        let (sigma, source) = self.sigma();
        // Widened from the mean so that a mean beyond 2^53 stays exact.
        let above = (k * sigma - NOISE).ceil().max(0.0) as u64;
        let band = self.mean.saturating_add(above);
        (band.min(most.unwrap_or(u64::MAX)).max(self.mean), source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::{Price, Variance};

    const PLAIN: Estimate = Estimate {
        in_tokens: 600,
        out_tokens: 400,
        usd_micros: 2_000,
        p95_tokens: None,
        p95_usd_micros: None,
        variance: None,
        confidence: None,
        tools_usd_micros: 0,
        assumptions: Vec::new(),
    };

    #[test]
    fn the_example_of_the_specification_holds() {
        let estimate = Estimate {
            variance: Some(Variance {
                tokens: 10_000.0,
                usd: 0.0,
            }),
            ..PLAIN
        };
        let guarded = estimate.guarded(Tier::Gold, None, None);
        assert_eq!(guarded.amount.tokens, 1_200);
        assert_eq!(guarded.amount.usd_micros, 2_000);
    }

    #[test]
    fn sigma_comes_from_the_first_source_there_is() {
        let mape = Some(Mape {
            tokens: 0.1,
            usd: 0.2,
        });
        let with_p95 = Estimate {
            p95_tokens: Some(1_329),
            p95_usd_micros: Some(1),
            ..PLAIN
        };
        let by_p95 = with_p95.guarded(Tier::Silver, mape, None);
        assert_eq!(
            (by_p95.amount.tokens, by_p95.tokens_from),
            (1_200, SigmaSource::P95)
        );
        assert_eq!(
            (by_p95.amount.usd_micros, by_p95.usd_from),
            (2_000, SigmaSource::P95)
        );
        let by_history = PLAIN.guarded(Tier::Silver, mape, None);
        assert_eq!(
            (by_history.amount.tokens, by_history.amount.usd_micros),
            (1_100, 2_400)
        );
        let presumed = PLAIN.guarded(Tier::Bronze, None, None);
        assert_eq!(
            (presumed.amount.tokens, presumed.tokens_from),
            (1_125, SigmaSource::Presumed)
        );
        let nonsense = Estimate {
            variance: Some(Variance {
                tokens: -1.0,
                usd: f64::INFINITY,
            }),
            ..PLAIN
        };
        assert_eq!(nonsense.guarded(Tier::Bronze, None, None), presumed);
    }

    #[test]
    fn the_band_stays_between_the_mean_and_a_full_context() {
        let most = |tokens, usd_micros| Some(Amount { tokens, usd_micros });
        let capped = PLAIN.guarded(Tier::Gold, None, most(1_050, 500));
        assert_eq!((capped.amount.tokens, capped.amount.usd_micros), (1_050, 2_000));
        let with_tools = Estimate {
            tools_usd_micros: 70,
            ..PLAIN
        };
        assert_eq!(
            with_tools.guarded(Tier::Gold, None, most(1, 1)).amount.usd_micros,
            2_070
        );
    }

    #[test]
    fn a_fallback_estimate_doubles_for_gold() {
        for bytes in [1, 77, 4_000, 123_457] {
            let price = Price {
                input: 3_000_000,
                output: 15_000_000,
            };
            let estimate = Estimate::fallback(bytes, None, price);
            let guarded = estimate.guarded(Tier::Gold, None, None).amount;
            assert_eq!(guarded.tokens, 2 * (estimate.in_tokens + estimate.out_tokens));
            assert_eq!(guarded.usd_micros, 2 * estimate.usd_micros);
        }
    }
}
