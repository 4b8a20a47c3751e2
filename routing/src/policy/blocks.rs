//! The smaller blocks of a policy: escalation, thresholds, budget, provisional results, tool caps, relaxations.

use std::collections::BTreeMap;
use std::sync::Arc;

use atp_protocol::units::{Amount, PartialWindow, Window};
use serde::Serialize;

use super::fields::{Fields, is_declarable};
use super::glob::Glob;
use super::lint::Lints;
use super::trigger::Trigger;
use super::yaml::Node;

/// Deepest escalation (routing.md 1.2).
pub const ESCALATION_DEPTH_MAX: usize = 2;

/// Most names in `fanout`, `except` or `escalation.to`.
pub(super) const NAMES_MAX: usize = 16;

/// Most dollars of one policy budget.
const BUDGET_USD_MAX: f64 = 10_000.0;

/// Most tools with a cap of their own.
const TOOLS_MAX: usize = 64;

/// When to go to whom (routing.md 13).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Escalation {
    /// Triggers that are honoured; none means never.
    pub on: Vec<Trigger>,
    /// Where to, in order of preference, each at most once.
    pub to: Vec<Glob>,
    /// How many steps, 0 to [`ESCALATION_DEPTH_MAX`].
    pub depth_max: usize,
}

pub(super) fn read_escalation(node: &Node<'_>, lints: &mut Lints) -> Escalation {
    let Some(fields) = Fields::open(node, "escalation", &["on", "to", "max_depth"], lints) else {
        return Escalation::default();
    };
    let on = fields.choices("on", Trigger::WORDS, lints).unwrap_or_default();
    let to = fields.globs("to", NAMES_MAX, lints).unwrap_or_default();
    if on.is_empty() != to.is_empty() {
        lints.error_with_hint(
            fields.at,
            "escalation has triggers or targets, but not both",
            "give `on` and `to`",
        );
    }
    Escalation {
        depth_max: fields
            .whole("max_depth", 0..=ESCALATION_DEPTH_MAX as u64, lints)
            .map_or(usize::from(!on.is_empty()), |depth| depth as usize),
        on,
        to,
    }
}

/// Limits below or above which something happens, each 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Thresholds {
    /// Confidence below which `low_conf` fires.
    pub low_conf: f64,
    /// Agreement below which `disagree_high` fires.
    pub disagree: f64,
    /// Agreement below which `disagreement` fires.
    pub agree: f64,
    /// Evidence score below which `weak_citations` fires.
    pub evidence: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            low_conf: 0.6,
            disagree: 0.4,
            agree: 0.6,
            evidence: 0.5,
        }
    }
}

pub(super) fn read_thresholds(node: &Node<'_>, lints: &mut Lints) -> Thresholds {
    let default = Thresholds::default();
    let keys = ["low_conf", "disagree", "agree", "evidence"];
    let Some(fields) = Fields::open(node, "thresholds", &keys, lints) else {
        return default;
    };
    let mut share = |key, default| fields.number(key, 0.0..=1.0, lints).unwrap_or(default);
    let thresholds = Thresholds {
        low_conf: share("low_conf", default.low_conf),
        disagree: share("disagree", default.disagree),
        agree: share("agree", default.agree),
        evidence: share("evidence", default.evidence),
    };
    if thresholds.disagree > thresholds.agree {
        lints.error(
            fields.at,
            format!(
                "`disagree` {} lies above `agree` {}; it is the stricter of the two",
                thresholds.disagree, thresholds.agree
            ),
        );
    }
    thresholds
}

/// Most a request may spend; a component left out is not limited here.
pub(super) fn read_budget(node: &Node<'_>, what: &str, lints: &mut Lints) -> Amount {
    let Some(fields) = Fields::open(node, what, &["usd", "tokens"], lints) else {
        return Amount::UNLIMITED;
    };
    Amount {
        tokens: fields
            .whole("tokens", 0..=u64::MAX, lints)
            .unwrap_or(Amount::UNLIMITED.tokens),
        usd_micros: fields
            .usd("usd", BUDGET_USD_MAX, lints)
            .unwrap_or(Amount::UNLIMITED.usd_micros),
    }
}

/// When a result may be shown before it is final (atp.md 21.3).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Provisional {
    /// Lanes that must have finished.
    pub quorum_min: usize,
    /// Agreement they must reach.
    pub agree_min: f64,
    /// How long a provisional result stands without renewal, in milliseconds.
    pub expiry_ms: u64,
}

impl Default for Provisional {
    fn default() -> Self {
        Self {
            quorum_min: 2,
            agree_min: 0.6,
            expiry_ms: 15_000,
        }
    }
}

pub(super) fn read_provisional(node: &Node<'_>, lints: &mut Lints) -> Provisional {
    let default = Provisional::default();
    let Some(fields) = Fields::open(
        node,
        "provisional",
        &["quorum_min", "agree_min", "expiry_ms"],
        lints,
    ) else {
        return default;
    };
    Provisional {
        quorum_min: fields
            .whole("quorum_min", 1..=64, lints)
            .map_or(default.quorum_min, |n| n as usize),
        agree_min: fields
            .number("agree_min", 0.0..=1.0, lints)
            .unwrap_or(default.agree_min),
        expiry_ms: fields
            .whole("expiry_ms", 250..=3_600_000, lints)
            .unwrap_or(default.expiry_ms),
    }
}

/// Reads `tools_budget_caps: { tool: { usd, tokens } }`.
pub(super) fn read_tool_caps(node: &Node<'_>, lints: &mut Lints) -> BTreeMap<Arc<str>, Amount> {
    let mut caps = BTreeMap::new();
    let Some(fields) = Fields::open_free(node, "tools_budget_caps", lints) else {
        return caps;
    };
    if fields.entries().len() > TOOLS_MAX {
        lints.error(fields.at, format!("more than {TOOLS_MAX} tools with a cap"));
        return caps;
    }
    for (key, node) in fields.entries() {
        if is_declarable(key, "a tool", lints) {
            caps.insert(
                Arc::from(key.text.as_ref()),
                read_budget(node, "a tool's cap", lints),
            );
        }
    }
    caps
}

/// Reads a cap on the window of every request under the policy.
pub(super) fn read_window(node: &Node<'_>, lints: &mut Lints) -> PartialWindow {
    let keys = ["max_parallel", "max_tokens", "max_usd"];
    let Some(fields) = Fields::open(node, "window", &keys, lints) else {
        return PartialWindow::default();
    };
    PartialWindow {
        max_parallel: fields
            .whole("max_parallel", 0..=u64::from(Window::MAX.max_parallel), lints)
            .and_then(|n| u32::try_from(n).ok()),
        max_tokens: fields.whole("max_tokens", 0..=Window::MAX.max_tokens, lints),
        max_usd_micros: fields.usd("max_usd", BUDGET_USD_MAX, lints),
    }
}

/// A constraint that may give way when no candidate is left (routing.md 5). Security and residency never do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Relaxation {
    /// Twice the latency objective.
    LatencySlo,
    /// A quality floor lower by 0.10.
    QualityFloor,
    /// The tenant's maximum in place of the ceiling.
    CostCeiling,
}

impl Relaxation {
    /// In the order in which they are tried.
    pub const ALL: [Self; 3] = [Self::LatencySlo, Self::QualityFloor, Self::CostCeiling];

    pub(super) const WORDS: &'static [(&'static str, Self)] = &[
        ("latency_slo", Self::LatencySlo),
        ("quality_floor", Self::QualityFloor),
        ("cost_ceiling", Self::CostCeiling),
    ];

    /// The name in policies and explanations.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LatencySlo => "latency_slo",
            Self::QualityFloor => "quality_floor",
            Self::CostCeiling => "cost_ceiling",
        }
    }
}
