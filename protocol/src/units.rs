//! Tokens, money, tiers and windows. Money is whole micro-dollars, time whole milliseconds (atp.md "Units").

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds on the environment's monotonic clock, since an arbitrary start. Never wall time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// This instant plus `ms`, saturating.
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds since `earlier`; 0 if `earlier` lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Unix milliseconds. For `ts` members and for expiry that outlives the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

/// What a call costs or may cost: tokens and micro-dollars together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Amount {
    /// Input and output tokens together.
    pub tokens: u64,
    /// Micro-dollars; 1 USD is 1 000 000.
    pub usd_micros: u64,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self {
        tokens: 0,
        usd_micros: 0,
    };

    /// No limit.
    pub const UNLIMITED: Self = Self {
        tokens: u64::MAX,
        usd_micros: u64::MAX,
    };

    /// Both components, saturating.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            usd_micros: self.usd_micros.saturating_add(other.usd_micros),
        }
    }

    /// Component-wise difference, not below zero.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_sub(other.tokens),
            usd_micros: self.usd_micros.saturating_sub(other.usd_micros),
        }
    }

    /// Component-wise minimum.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.min(other.tokens),
            usd_micros: self.usd_micros.min(other.usd_micros),
        }
    }

    /// Component-wise maximum.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.max(other.tokens),
            usd_micros: self.usd_micros.max(other.usd_micros),
        }
    }

    /// Whether both components fit into `room`; equality fits.
    #[must_use]
    pub const fn fits(self, room: Self) -> bool {
        self.tokens <= room.tokens && self.usd_micros <= room.usd_micros
    }
}

/// Dollars to micro-dollars, half to even (atp.md "Units"). `None` for negative, non-finite or too large values.
#[must_use]
pub fn usd_to_micros(usd: f64) -> Option<u64> {
    let micros = (usd * 1e6).round_ties_even();
    // 2^63 is exact in binary64; everything below converts without loss of range.
    (0.0..9_223_372_036_854_775_808.0)
        .contains(&micros)
        .then_some(micros as u64)
}

/// Quality-of-service tier (atp.md section 18), best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Interactive, latency-bound.
    Gold,
    /// The default.
    Silver,
    /// Shadow runs, experiments; first to be shed.
    Bronze,
}

impl Tier {
    /// All tiers, best first.
    pub const ALL: [Self; 3] = [Self::Gold, Self::Silver, Self::Bronze];

    /// The wire name, exact lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gold => "gold",
            Self::Silver => "silver",
            Self::Bronze => "bronze",
        }
    }

    /// Reads the wire name; no other spelling is accepted.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == text)
    }

    /// Position in [`Self::ALL`], for tables with one entry a tier.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much may be outstanding at once (atp.md 3.2): calls, tokens, money. 0 closes a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// Concurrent calls, 0 to 1 000.
    pub max_parallel: u32,
    /// Tokens outstanding, 0 to 10 000 000.
    pub max_tokens: u64,
    /// Micro-dollars outstanding, 0 to 10 000 000 000.
    pub max_usd_micros: u64,
}

/// A window of which only some components are constrained; `None` means "no constraint from me".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct PartialWindow {
    /// See [`Window::max_parallel`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// See [`Window::max_tokens`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// See [`Window::max_usd_micros`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_usd_micros: Option<u64>,
}

impl Window {
    /// The widest window a frame may carry.
    pub const MAX: Self = Self {
        max_parallel: 1_000,
        max_tokens: 10_000_000,
        max_usd_micros: 10_000_000_000,
    };

    /// Component-wise minimum.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self {
            max_parallel: self.max_parallel.min(other.max_parallel),
            max_tokens: self.max_tokens.min(other.max_tokens),
            max_usd_micros: self.max_usd_micros.min(other.max_usd_micros),
        }
    }

    /// Component-wise minimum with the components `other` constrains.
    #[must_use]
    pub fn narrowed(self, other: PartialWindow) -> Self {
        Self {
            max_parallel: other
                .max_parallel
                .map_or(self.max_parallel, |n| n.min(self.max_parallel)),
            max_tokens: other
                .max_tokens
                .map_or(self.max_tokens, |n| n.min(self.max_tokens)),
            max_usd_micros: other
                .max_usd_micros
                .map_or(self.max_usd_micros, |n| n.min(self.max_usd_micros)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_round_half_to_even() {
        assert_eq!(usd_to_micros(0.05), Some(50_000));
        assert_eq!(usd_to_micros(0.000_000_5), Some(0));
        assert_eq!(usd_to_micros(0.000_001_5), Some(2));
        assert_eq!(usd_to_micros(-0.1), None);
        assert_eq!(usd_to_micros(f64::NAN), None);
        assert_eq!(usd_to_micros(f64::INFINITY), None);
    }

    #[test]
    fn a_window_narrows_only_where_constrained() {
        let narrow = PartialWindow {
            max_parallel: Some(3),
            ..PartialWindow::default()
        };
        assert_eq!(
            Window::MAX.narrowed(narrow),
            Window {
                max_parallel: 3,
                ..Window::MAX
            }
        );
    }
}
