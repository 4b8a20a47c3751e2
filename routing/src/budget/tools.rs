//! What each tool may cost within a stream (atp.md 17.5).

use std::collections::BTreeMap;

use atp_protocol::error::{Code, Fault};
use atp_protocol::units::Amount;
use serde::{Deserialize, Serialize};

use super::Component;

/// The cap of one tool, as policy writes it in `tools_budget_caps`. An absent component is not capped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCap {
    /// Most micro-dollars.
    #[serde(default)]
    pub usd_micros: Option<u64>,
    /// Most tokens.
    #[serde(default)]
    pub tokens: Option<u64>,
}

/// Why a tool call was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolRefusal {
    /// The tool's cap would be exceeded (`tool_cost_cap_exceeded_total`).
    #[error(
        "tool {tool} has {remaining} {component} of its cap left, {wanted} wanted; raise tools_budget_caps"
    )]
    Cap {
        /// The tool.
        tool: String,
        /// Tokens or usd.
        component: Component,
        /// The estimate.
        wanted: u64,
        /// What is left.
        remaining: u64,
    },
    /// The stream's own budget would be exceeded.
    #[error("the stream has {remaining} {component} left, {wanted} wanted for tool {tool}; raise its budget")]
    Stream {
        /// The tool.
        tool: String,
        /// Tokens or usd.
        component: Component,
        /// The estimate.
        wanted: u64,
        /// What is left.
        remaining: u64,
    },
}

impl From<ToolRefusal> for Fault {
    fn from(refusal: ToolRefusal) -> Self {
        Self::new(Code::Budget, refusal.to_string()).terminal()
    }
}

/// The caps of a stream's tools and what the tools have cost. As many entries as policy names tools.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolCaps {
    /// Cap and cost so far, by tool.
    tools: BTreeMap<String, (ToolCap, Amount)>,
}

impl ToolCaps {
    /// Nothing spent yet.
    #[must_use]
    pub fn new(caps: impl IntoIterator<Item = (String, ToolCap)>) -> Self {
        let unspent = |(tool, cap)| (tool, (cap, Amount::ZERO));
        Self {
            tools: caps.into_iter().map(unspent).collect(),
        }
    }

    /// Whether a tool call fits its cap and the stream's budget, of which `stream` is left. Equality fits.
    ///
    /// # Errors
    /// [`ToolRefusal`], the cap first, tokens before money.
    pub fn check(&self, tool: &str, estimate: Amount, stream: Amount) -> Result<(), ToolRefusal> {
        let cap = self.remaining(tool);
        for component in [Component::Tokens, Component::Usd] {
            let (wanted, remaining) = (component.of(0, estimate), component.of(0, cap));
            if wanted > remaining {
                return Err(ToolRefusal::Cap {
                    tool: tool.to_owned(),
                    component,
                    wanted,
                    remaining,
                });
            }
        }
        for component in [Component::Tokens, Component::Usd] {
            let (wanted, remaining) = (component.of(0, estimate), component.of(0, stream));
            if wanted > remaining {
                return Err(ToolRefusal::Stream {
                    tool: tool.to_owned(),
                    component,
                    wanted,
                    remaining,
                });
            }
        }
        Ok(())
    }

    /// A tool call has cost that much. The stream's budget is debited by its own settlement.
    pub fn debit(&mut self, tool: &str, actual: Amount) {
        if let Some((_, spent)) = self.tools.get_mut(tool) {
            *spent = spent.plus(actual);
        }
    }

    fn remaining(&self, tool: &str) -> Amount {
        let (cap, spent) = self.tools.get(tool).copied().unwrap_or_default();
        let cap = Amount {
            tokens: cap.tokens.unwrap_or(u64::MAX),
            usd_micros: cap.usd_micros.unwrap_or(u64::MAX),
        };
        cap.minus(spent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_refused_at_its_cap_or_the_streams_budget() {
        let amount = |tokens, usd_micros| Amount { tokens, usd_micros };
        let cap = ToolCap {
            usd_micros: Some(100),
            tokens: None,
        };
        let mut caps = ToolCaps::new([("search".to_owned(), cap)]);
        let plenty = amount(1_000, 1_000);
        assert_eq!(caps.check("search", amount(900, 100), plenty), Ok(()));
        caps.debit("search", amount(5, 60));
        let refused = caps.check("search", amount(0, 41), plenty).unwrap_err();
        assert!(
            matches!(
                refused,
                ToolRefusal::Cap {
                    component: Component::Usd,
                    wanted: 41,
                    remaining: 40,
                    ..
                }
            ),
            "{refused}"
        );
        let refused = caps.check("search", amount(0, 40), amount(0, 39)).unwrap_err();
        assert!(
            matches!(refused, ToolRefusal::Stream { remaining: 39, .. }),
            "{refused}"
        );
        assert_eq!(Fault::from(refused).code, Code::Budget);
        assert_eq!(caps.check("uncapped", plenty, plenty), Ok(()));
    }
}
