//! Estimates where the adapter gives none, or none that can be right (atp.md 17.1, routing.md section 6).

use super::{Estimate, Price, Variance};

/// Output tokens assumed when the request names no limit.
const OUT_TOKENS: u64 = 512;

impl Estimate {
    /// The router's own estimate: four bytes a token, the request's output limit or 512, list price, σ half the mean.
    ///
    /// `text_bytes`: UTF-8 bytes of the whole prompt. `max_tokens`: the request's output limit, if it has one.
    #[must_use]
    pub fn fallback(text_bytes: usize, max_tokens: Option<u64>, price: Price) -> Self {
        let in_tokens = (text_bytes as u64).div_ceil(4);
        let out_tokens = max_tokens.unwrap_or(OUT_TOKENS);
        let usd_micros = price.cost(in_tokens, out_tokens);
        Self {
            in_tokens,
            out_tokens,
            usd_micros,
            variance: Some(variance(in_tokens.saturating_add(out_tokens), usd_micros, 0.5)),
            confidence: Some(0.3),
            ..Self::default()
        }
    }

    /// Whether the estimate contradicts itself: a 95th percentile below the mean, or tools that cost more than 105 % of
    /// the whole.
    #[must_use]
    pub fn is_contradictory(&self) -> bool {
        let tokens = self.in_tokens.saturating_add(self.out_tokens);
        let tools_exceed = u128::from(self.tools_usd_micros) * 100 > u128::from(self.usd_micros) * 105;
        self.p95_tokens.is_some_and(|p95| p95 < tokens)
            || self.p95_usd_micros.is_some_and(|p95| p95 < self.usd_micros)
            || tools_exceed
    }

    /// The estimate to use: as given, or half as much again with σ equal to the mean if it contradicts itself.
    #[must_use]
    pub fn mended(self) -> Self {
        if !self.is_contradictory() {
            return self;
        }
        let more = |mean: u64| mean.saturating_add(mean.div_ceil(2));
        let (in_tokens, out_tokens) = (more(self.in_tokens), more(self.out_tokens));
        let usd_micros = more(self.usd_micros);
        Self {
            in_tokens,
            out_tokens,
            usd_micros,
            p95_tokens: None,
            p95_usd_micros: None,
            variance: Some(variance(in_tokens.saturating_add(out_tokens), usd_micros, 1.0)),
            ..self
        }
    }
}

/// The variance whose σ is `share` of the mean.
fn variance(tokens: u64, usd_micros: u64, share: f64) -> Variance {
    Variance {
        tokens: (tokens as f64 * share).powi(2),
        usd: (usd_micros as f64 / 1e6 * share).powi(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_estimate_is_made_from_bytes_and_prices() {
        let price = Price {
            input: 1_000_000,
            output: 2_000_000,
        };
        let estimate = Estimate::fallback(401, None, price);
        assert_eq!((estimate.in_tokens, estimate.out_tokens), (101, 512));
        assert_eq!(estimate.usd_micros, 101 + 2 * 512);
        assert_eq!(estimate.confidence, Some(0.3));
        assert_eq!(Estimate::fallback(0, Some(7), price).out_tokens, 7);
    }

    #[test]
    fn a_contradictory_estimate_is_widened() {
        let fine = Estimate {
            in_tokens: 60,
            out_tokens: 40,
            usd_micros: 10,
            p95_tokens: Some(100),
            ..Estimate::default()
        };
        assert_eq!(fine.clone().mended(), fine);
        let low_p95 = Estimate {
            p95_tokens: Some(99),
            ..fine.clone()
        };
        let mended = low_p95.mended();
        assert_eq!(
            (mended.in_tokens, mended.out_tokens, mended.usd_micros),
            (90, 60, 15)
        );
        assert_eq!(mended.variance.map(|v| v.tokens), Some(150.0 * 150.0));
        let dear_tools = Estimate {
            tools_usd_micros: 11,
            ..fine
        };
        assert!(dear_tools.is_contradictory());
    }
}
