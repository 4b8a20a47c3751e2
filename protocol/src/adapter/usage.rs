//! What a call used, and how we know.

use serde::{Deserialize, Serialize};

use crate::units::Amount;

/// How a usage figure was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UsageSource {
    /// The provider said so.
    Reported,
    /// The router counted what it saw.
    Estimated,
    /// Neither: the call's outcome is not known, and the whole hold is charged.
    Unknown,
}

/// Usage of one lane, cumulative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Usage {
    /// Input tokens.
    pub in_tokens: u64,
    /// Output tokens.
    pub out_tokens: u64,
    /// Cost in micro-dollars at the operator's prices.
    pub usd_micros: u64,
    /// How the figures were obtained.
    pub source: UsageSource,
}

impl Usage {
    /// Tokens and money together.
    #[must_use]
    pub const fn amount(self) -> Amount {
        Amount {
            tokens: self.in_tokens.saturating_add(self.out_tokens),
            usd_micros: self.usd_micros,
        }
    }
}
