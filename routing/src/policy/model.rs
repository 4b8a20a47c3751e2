//! Table `models`: what the operator knows of a model, whoever serves it.

use std::sync::Arc;

use atp_protocol::estimate::Price;
use atp_protocol::units::usd_to_micros;
use serde::Serialize;

use super::fields::Fields;
use super::grade::{Lifecycle, SafetyGrade};
use super::lint::Lints;
use super::yaml::Node;

/// Most entries of a list of a model or agent.
pub(super) const LIST_MAX: usize = 64;

/// Largest context accepted, in tokens.
pub(super) const CONTEXT_MAX: u64 = 100_000_000;

/// Dearest price accepted, in dollars per thousand tokens.
pub const USD_PER_1K_MAX: f64 = 1_000.0;

const KEYS: &[&str] = &[
    "provider",
    "ctx",
    "price",
    "strengths",
    "family",
    "params_b",
    "safety_grade",
    "energy",
    "lifecycle",
    "quality_pred",
    "est_latency_ms",
];

/// One model. Absent figures are unknown, not zero.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Model {
    /// The entry is about adapters of this id or type only; about every adapter that serves the model when absent.
    pub provider: Option<Arc<str>>,
    /// Context window in tokens.
    pub context_tokens: Option<u64>,
    /// Price, before any other source of one.
    pub price: Option<Price>,
    /// Task types it is good at.
    pub strengths: Vec<Arc<str>>,
    /// Models of one family err together; they never count as independent.
    pub family: Option<Arc<str>>,
    /// Parameters in billions.
    pub params_b: Option<f64>,
    /// How far it is trusted.
    pub safety_grade: SafetyGrade,
    /// Energy profile by name.
    pub energy: Option<Arc<str>>,
    /// Whether it serves.
    pub lifecycle: Lifecycle,
    /// Predicted quality, 0 to 1.
    pub quality_pred: Option<f64>,
    /// 95th percentile latency to expect before any was measured, in milliseconds.
    pub est_latency_ms: Option<u64>,
}

pub(super) fn read(node: &Node<'_>, lints: &mut Lints) -> Option<Model> {
    let fields = Fields::open(node, "a model", KEYS, lints)?;
    Some(Model {
        provider: fields.text("provider", lints),
        context_tokens: fields.whole("ctx", 1..=CONTEXT_MAX, lints),
        price: fields.get("price").and_then(|node| read_price(node, lints)),
        strengths: fields.texts("strengths", LIST_MAX, lints).unwrap_or_default(),
        family: fields.text("family", lints),
        params_b: fields.number("params_b", 0.0..=1e6, lints),
        safety_grade: fields
            .choice("safety_grade", SafetyGrade::WORDS, lints)
            .unwrap_or_default(),
        energy: fields.text("energy", lints),
        lifecycle: fields
            .choice("lifecycle", Lifecycle::WORDS, lints)
            .unwrap_or_default(),
        quality_pred: fields.number("quality_pred", 0.0..=1.0, lints),
        est_latency_ms: fields.whole("est_latency_ms", 1..=3_600_000, lints),
    })
}

/// Both rates must be written, zero included: a forgotten price would make a model look free.
fn read_price(node: &Node<'_>, lints: &mut Lints) -> Option<Price> {
    let fields = Fields::open(node, "price", &["in_per_1k", "out_per_1k"], lints)?;
    let mut rate = |key| {
        if fields.get(key).is_none() {
            lints.error(fields.at, format!("price lacks `{key}`; write 0 if it is free"));
        }
        fields.number(key, 0.0..=USD_PER_1K_MAX, lints)
    };
    let (input, output) = (rate("in_per_1k"), rate("out_per_1k"));
    price_per_1k(input?, output?)
}

/// A price from dollars per thousand tokens. `None` outside 0 to [`USD_PER_1K_MAX`].
#[must_use]
pub fn price_per_1k(input_usd: f64, output_usd: f64) -> Option<Price> {
    let per_million = |usd: f64| {
        (0.0..=USD_PER_1K_MAX)
            .contains(&usd)
            .then(|| usd_to_micros(usd * 1e3))
            .flatten()
    };
    Some(Price {
        input: per_million(input_usd)?,
        output: per_million(output_usd)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_below_a_micro_dollar_per_thousand_are_kept() {
        // 0.0375 dollars per million tokens.
        let price = price_per_1k(0.000_037_5, 0.0).unwrap();
        assert_eq!(price.cost(1_000_000, 0), 37_500);
        assert_eq!(price_per_1k(0.000_15, 0.000_6).unwrap().cost(1_000, 1_000), 750);
    }

    #[test]
    fn absurd_prices_are_refused() {
        for usd in [-0.1, f64::NAN, f64::INFINITY, 1_000.1] {
            assert_eq!(price_per_1k(usd, 0.0), None, "{usd}");
            assert_eq!(price_per_1k(0.0, usd), None, "{usd}");
        }
    }
}
