//! What an account may spend and run at most.

use std::fmt;

use atp_protocol::units::Amount;
use serde::{Deserialize, Serialize};

/// Limits of one account; `None` leaves the component to the ancestors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Input and output tokens, over the life of the account.
    #[serde(default)]
    pub limit_tokens: Option<u64>,
    /// Micro-dollars, over the life of the account.
    #[serde(default)]
    pub limit_usd_micros: Option<u64>,
    /// Calls running at once.
    #[serde(default)]
    pub max_parallel: Option<u32>,
}

impl Limits {
    /// Both amounts, an absent limit as the largest number: sums then stay within range for every account.
    #[must_use]
    pub fn amount(self) -> Amount {
        Amount {
            tokens: self.limit_tokens.unwrap_or(u64::MAX),
            usd_micros: self.limit_usd_micros.unwrap_or(u64::MAX),
        }
    }

    /// Calls running at once, an absent limit as the largest number.
    #[must_use]
    pub fn parallel(self) -> u32 {
        self.max_parallel.unwrap_or(u32::MAX)
    }
}

/// What a refusal is about, in the order in which components are checked (atp.md 16.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Component {
    /// Calls at once.
    Parallel,
    /// Tokens.
    Tokens,
    /// Micro-dollars.
    Usd,
}

impl Component {
    /// All components, in the order in which they are checked.
    pub const ALL: [Self; 3] = [Self::Parallel, Self::Tokens, Self::Usd];

    /// The name used in reasons and metric names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parallel => "parallel",
            Self::Tokens => "tokens",
            Self::Usd => "usd",
        }
    }

    /// What the limit of it is called.
    pub(super) const fn limit(self) -> &'static str {
        match self {
            Self::Parallel => "max_parallel",
            Self::Tokens => "limit_tokens",
            Self::Usd => "limit_usd_micros",
        }
    }

    /// This component of calls and an amount.
    pub(super) fn of(self, calls: u32, amount: Amount) -> u64 {
        match self {
            Self::Parallel => u64::from(calls),
            Self::Tokens => amount.tokens,
            Self::Usd => amount.usd_micros,
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
