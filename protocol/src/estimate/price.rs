//! What tokens cost.

use serde::{Deserialize, Serialize};

/// Tokens a price is quoted for.
const PER: u128 = 1_000_000;

/// Prices of a model in micro-dollars per million tokens. Zero is a price, not an absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Price {
    /// For input.
    pub input: u64,
    /// For output.
    pub output: u64,
}

impl Price {
    /// The same price for every token, given in micro-dollars per token as adapters declare it. A negative or non-finite
    /// figure counts as zero.
    #[must_use]
    pub fn per_token(micros: f64) -> Self {
        let per_million = (micros * PER as f64).round_ties_even() as u64;
        Self {
            input: per_million,
            output: per_million,
        }
    }

    /// Cost in micro-dollars of so many tokens, rounded once, half to even, saturating.
    #[must_use]
    pub fn cost(self, in_tokens: u64, out_tokens: u64) -> u64 {
        let input = u128::from(in_tokens) * u128::from(self.input);
        let output = u128::from(out_tokens) * u128::from(self.output);
        let exact = input.saturating_add(output);
        let (whole, rest) = (exact / PER, exact % PER);
        let is_up = rest * 2 > PER || (rest * 2 == PER && whole % 2 == 1);
        u64::try_from(whole + u128::from(is_up)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_micro() {
        let half = Price {
            input: 500_000,
            output: 0,
        };
        assert_eq!(half.cost(1, 0), 0);
        assert_eq!(half.cost(2, 0), 1);
        assert_eq!(half.cost(3, 0), 2);
        assert_eq!(half.cost(5, 0), 2);
    }

    #[test]
    fn input_and_output_are_rounded_together() {
        let price = Price {
            input: 400_000,
            output: 400_000,
        };
        assert_eq!(price.cost(1, 1), 1);
        assert_eq!(price.cost(u64::MAX, u64::MAX), 14_757_395_258_967_641_292);
        assert_eq!(
            Price {
                input: u64::MAX,
                output: u64::MAX
            }
            .cost(u64::MAX, u64::MAX),
            u64::MAX
        );
    }

    #[test]
    fn a_declared_price_per_token_is_read() {
        assert_eq!(Price::per_token(2.5).cost(1_000, 1_000), 5_000);
        assert_eq!(Price::per_token(-1.0), Price::default());
        assert_eq!(Price::per_token(f64::NAN), Price::default());
    }
}
