//! Weights of the score's components and limits per tier (routing.md sections 7 and 9).

use atp_protocol::units::Tier;
use serde::Serialize;

use super::fields::Fields;
use super::lint::Lints;
use super::yaml::Node;

/// How far a sum of weights may be from one.
const SUM_TOLERANCE: f64 = 1e-6;

/// Most lanes of one fan-out (routing.md 1.2).
pub const FANOUT_MAX: usize = 4;

/// Share of each component in the score; at least 0, together 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Weights {
    /// Fit of what it is good at to what is wanted.
    pub capability: f64,
    /// Past success.
    pub performance: f64,
    /// Price.
    pub cost: f64,
    /// 95th percentile latency.
    pub latency: f64,
    /// Room in the context.
    pub context: f64,
    /// Accuracy of its estimates.
    pub predictability: f64,
    /// How seldom it underestimates.
    pub safety: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            capability: 0.30,
            performance: 0.20,
            cost: 0.15,
            latency: 0.10,
            context: 0.10,
            predictability: 0.10,
            safety: 0.05,
        }
    }
}

const WEIGHT_KEYS: [&str; 7] = [
    "capability",
    "performance",
    "cost",
    "latency",
    "context",
    "predictability",
    "safety",
];

/// Reads a full set of weights: leaving one out would hide that the others no longer sum to one.
pub(super) fn read_weights(node: &Node<'_>, lints: &mut Lints) -> Option<Weights> {
    let fields = Fields::open(node, "weights", &WEIGHT_KEYS, lints)?;
    let mut values = [0.0; 7];
    for (value, key) in values.iter_mut().zip(WEIGHT_KEYS) {
        match fields.get(key) {
            Some(_) => *value = fields.number(key, 0.0..=1.0, lints)?,
            None => {
                lints.error(fields.at, format!("weights lack `{key}`; write 0 to ignore it"));
                return None;
            }
        }
    }
    let sum: f64 = values.iter().sum();
    if (sum - 1.0).abs() > SUM_TOLERANCE {
        lints.error(fields.at, format!("weights sum to {sum}; they must sum to 1"));
        return None;
    }
    let [
        capability,
        performance,
        cost,
        latency,
        context,
        predictability,
        safety,
    ] = values;
    Some(Weights {
        capability,
        performance,
        cost,
        latency,
        context,
        predictability,
        safety,
    })
}

/// Most lanes of a fan-out per tier, in the order of [`Tier::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FanoutCaps([usize; 3]);

impl Default for FanoutCaps {
    fn default() -> Self {
        Self([4, 3, 1])
    }
}

impl FanoutCaps {
    /// The cap of a tier, 1 to [`FANOUT_MAX`].
    #[must_use]
    pub const fn of(&self, tier: Tier) -> usize {
        self.0[tier.index()]
    }
}

/// Reads `tiers: { gold: { k: 4 }, … }`; a tier left out keeps its default.
pub(super) fn read_tiers(node: &Node<'_>, lints: &mut Lints) -> FanoutCaps {
    let mut caps = FanoutCaps::default();
    let names = Tier::ALL.map(Tier::as_str);
    if let Some(fields) = Fields::open(node, "tiers", &names, lints) {
        for tier in Tier::ALL {
            let Some(of_tier) = fields
                .get(tier.as_str())
                .and_then(|node| Fields::open(node, tier.as_str(), &["k"], lints))
            else {
                continue;
            };
            if let Some(k) = of_tier.whole("k", 1..=FANOUT_MAX as u64, lints) {
                caps.0[tier.index()] = k as usize;
            }
        }
    }
    caps
}
