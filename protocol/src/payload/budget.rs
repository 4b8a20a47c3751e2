//! `control.budget_update` (atp.md 7.3).

use serde::{Deserialize, Serialize};

use super::money::{WireAmount, micros};
use crate::units::Amount;

/// A budget is to change, or has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Wire")]
pub struct BudgetUpdate {
    /// How the figures apply.
    pub op: BudgetOp,
    /// Tokens; `None` leaves them as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Micro-dollars; `None` leaves them as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_micros: Option<u64>,
    /// Whose budget.
    pub scope: BudgetScope,
    /// What is left, router to client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<Amount>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How the figures of an update apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BudgetOp {
    /// They replace.
    #[default]
    Set,
    /// They are added.
    Add,
    /// They are taken away.
    Sub,
}

/// Whose budget an update changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BudgetScope {
    /// The stream's.
    #[default]
    Stream,
    /// The session's.
    Session,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    op: BudgetOp,
    tokens: Option<u64>,
    usd_micros: Option<u64>,
    #[serde(alias = "dollars")]
    usd: Option<f64>,
    #[serde(default)]
    scope: BudgetScope,
    remaining: Option<WireAmount>,
    reason: Option<String>,
}

impl TryFrom<Wire> for BudgetUpdate {
    type Error = String;
    fn try_from(wire: Wire) -> Result<Self, String> {
        Ok(Self {
            op: wire.op,
            tokens: wire.tokens,
            usd_micros: micros(wire.usd_micros, wire.usd)?,
            scope: wire.scope,
            remaining: wire.remaining.map(Amount::try_from).transpose()?,
            reason: wire.reason,
        })
    }
}
