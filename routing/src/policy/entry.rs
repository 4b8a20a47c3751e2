//! One entry of `policies`.

use std::collections::BTreeMap;
use std::sync::Arc;

use atp_protocol::units::{Amount, PartialWindow};
use serde::Serialize;

use super::attributes::{Attributes, Schema};
use super::blocks::{self, Escalation, NAMES_MAX, Provisional, Relaxation, Thresholds};
use super::clause::{self, Clause};
use super::constraints::{self, Constraints};
use super::fields::{Fields, is_declarable};
use super::glob::Glob;
use super::lint::{Lints, Position};
use super::weights::{FANOUT_MAX, Weights, read_weights};
use super::yaml::{Key, Node};
use crate::reconcile::Strategy;

/// Most keys under one `match`.
const CLAUSES_MAX: usize = 32;

/// Highest priority, and the lowest below zero.
const PRIORITY_MAX: i64 = 1_000_000;

/// Most dollars for an arbiter, and what it may spend where a policy says nothing (atp.md 21.4).
const ARBITER_USD_MAX: f64 = 0.10;

/// Most dollars an answer is worth.
const VALUE_USD_MAX: f64 = 100_000.0;

/// Longest a gold lane goes on past an agent's grace time (atp.md 16.2), in milliseconds.
const PAUSE_OVERRIDE_MS: u64 = 10_000;

/// What matters most to the learner (routing.md 23).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// All alike.
    #[default]
    Balanced,
    /// Price.
    Cost,
    /// Quality.
    Quality,
    /// Carbon.
    Sustainability,
}

/// What happens to a session that suddenly spends much faster than it did (atp.md 17.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnSpike {
    /// It is told to the operator.
    #[default]
    Notify,
    /// New bronze and silver work is refused for a minute, too.
    Hold,
}

/// A policy: which requests it is for, who does their work, and within which limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Names it in decisions and headers; unique in its set.
    pub id: Arc<str>,
    /// Higher goes first.
    pub priority: i64,
    pub(super) at: Position,
    pub(super) clauses: Vec<Clause>,
    /// Who is asked, in order: names or globs. Empty means every candidate.
    pub fanout: Vec<Glob>,
    /// Who is not asked even if a glob of `fanout` matches.
    pub except: Vec<Glob>,
    /// Lanes of the fan-out; one per name in `fanout` when absent.
    pub k: Option<usize>,
    /// How lanes become one answer.
    pub strategy: Strategy,
    /// When to go further.
    pub escalation: Escalation,
    /// What a right answer is worth, in micro-dollars; ten times the most a request may cost where absent.
    pub value_usd_micros: Option<u64>,
    /// Limits for triggers.
    pub thresholds: Thresholds,
    /// Most one request may spend.
    pub budget: Amount,
    /// Hard constraints on candidates.
    pub constraints: Constraints,
    /// Constraints that may give way when nobody is left.
    pub relax: Vec<Relaxation>,
    /// When results may be shown before they are final.
    pub provisional: Provisional,
    /// Most an arbiter may spend on one request, in micro-dollars.
    pub arbiter_max_usd_micros: u64,
    /// Most each tool may spend on one request.
    pub tool_caps: BTreeMap<Arc<str>, Amount>,
    /// Cap on the window of every request.
    pub window: PartialWindow,
    /// Whether tokens and money of a session's window shrink with its calls (atp.md 16.3).
    pub scale_budget_windows: bool,
    /// How much each component of the score counts; the document's where absent.
    pub weights: Weights,
    /// How long gold work goes on past an agent's grace time, in milliseconds; 0 honours the pause.
    pub pause_override_ms: u64,
    /// What happens to a session that suddenly spends much faster than it did.
    pub on_spike: OnSpike,
    /// Whether the plan is shown to the caller.
    pub expose_plan: bool,
    /// What the learner optimises.
    pub objective: Objective,
    /// Share of requests on which the learner may explore; the tier's where absent.
    pub epsilon: Option<f64>,
    /// Share of requests run in shadow.
    pub shadow_rate: f64,
}

impl Policy {
    /// Whether every key under `match` holds.
    #[must_use]
    pub fn applies(&self, attributes: &Attributes<'_>) -> bool {
        self.clauses.iter().all(|clause| clause.holds(attributes))
    }

    /// Keys under `match`, in the order of the document.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.clauses.iter().map(|clause| &clause.key)
    }
}

const KEYS: &[&str] = &[
    "id",
    "priority",
    "match",
    "fanout",
    "except",
    "k",
    "strategy",
    "escalation",
    "value_usd",
    "thresholds",
    "budget",
    "constraints",
    "relax",
    "provisional",
    "arbiter_max_usd",
    "tools_budget_caps",
    "window",
    "scale_budget_windows",
    "weights",
    "pause_override",
    "pause_override_max_ms",
    "on_spike",
    "expose_plan",
    "objective",
    "explore",
    "shadow",
];

/// Reads one entry. `weights`: those of the document.
pub(super) fn read(node: &Node<'_>, schema: &Schema, weights: Weights, lints: &mut Lints) -> Option<Policy> {
    let fields = Fields::open(node, "a policy", KEYS, lints)?;
    let id = read_id(&fields, lints)?;
    let block = |key| fields.get(key);
    let policy = Policy {
        id,
        priority: fields
            .integer("priority", -PRIORITY_MAX..=PRIORITY_MAX, lints)
            .unwrap_or_default(),
        at: fields.at,
        clauses: block("match").map_or_else(Vec::new, |node| read_match(node, schema, lints)),
        fanout: fields.globs("fanout", NAMES_MAX, lints).unwrap_or_default(),
        except: fields.globs("except", NAMES_MAX, lints).unwrap_or_default(),
        k: fields
            .whole("k", 1..=FANOUT_MAX as u64, lints)
            .map(|k| k as usize),
        strategy: read_strategy(&fields, lints),
        escalation: block("escalation")
            .map_or_else(Escalation::default, |node| blocks::read_escalation(node, lints)),
        thresholds: block("thresholds")
            .map_or_else(Thresholds::default, |node| blocks::read_thresholds(node, lints)),
        budget: block("budget").map_or(Amount::UNLIMITED, |node| {
            blocks::read_budget(node, "budget", lints)
        }),
        constraints: block("constraints")
            .map_or_else(Constraints::default, |node| constraints::read(node, lints)),
        relax: fields
            .choices("relax", Relaxation::WORDS, lints)
            .unwrap_or_default(),
        provisional: block("provisional")
            .map_or_else(Provisional::default, |node| blocks::read_provisional(node, lints)),
        arbiter_max_usd_micros: fields
            .usd("arbiter_max_usd", ARBITER_USD_MAX, lints)
            .unwrap_or(100_000),
        tool_caps: block("tools_budget_caps")
            .map_or_else(BTreeMap::new, |node| blocks::read_tool_caps(node, lints)),
        window: block("window").map_or_else(PartialWindow::default, |node| blocks::read_window(node, lints)),
        value_usd_micros: fields.usd("value_usd", VALUE_USD_MAX, lints),
        scale_budget_windows: fields.flag("scale_budget_windows", lints).unwrap_or_default(),
        weights: block("weights")
            .and_then(|node| read_weights(node, lints))
            .unwrap_or(weights),
        pause_override_ms: read_pause_override(&fields, lints),
        on_spike: fields.choice("on_spike", ON_SPIKE, lints).unwrap_or_default(),
        expose_plan: fields.flag("expose_plan", lints).unwrap_or_default(),
        objective: inner(&fields, "objective", "preset", lints)
            .and_then(|inner| inner.choice("preset", OBJECTIVES, lints))
            .unwrap_or_default(),
        epsilon: inner(&fields, "explore", "epsilon", lints)
            .and_then(|inner| inner.number("epsilon", 0.0..=1.0, lints)),
        shadow_rate: inner(&fields, "shadow", "rate", lints)
            .and_then(|inner| inner.number("rate", 0.0..=1.0, lints))
            .unwrap_or_default(),
    };
    Some(policy)
}

const ON_SPIKE: &[(&str, OnSpike)] = &[("notify", OnSpike::Notify), ("hold", OnSpike::Hold)];

const OBJECTIVES: &[(&str, Objective)] = &[
    ("balanced", Objective::Balanced),
    ("cost", Objective::Cost),
    ("quality", Objective::Quality),
    ("sustainability", Objective::Sustainability),
];

fn read_id(fields: &Fields<'_, '_>, lints: &mut Lints) -> Option<Arc<str>> {
    let Some(id) = fields.text("id", lints) else {
        lints.error(fields.at, "a policy without `id`");
        return None;
    };
    let key = Key {
        at: fields.get("id").map_or(fields.at, |node| node.at),
        text: id.as_ref().into(),
    };
    is_declarable(&key, "a policy", lints).then_some(id)
}

fn read_match(node: &Node<'_>, schema: &Schema, lints: &mut Lints) -> Vec<Clause> {
    let Some(fields) = Fields::open_free(node, "match", lints) else {
        return Vec::new();
    };
    if fields.entries().len() > CLAUSES_MAX {
        lints.error(fields.at, format!("match has more than {CLAUSES_MAX} keys"));
    }
    fields
        .entries()
        .iter()
        .filter_map(|(key, node)| clause::read(key, node, schema, lints))
        .collect()
}

fn read_strategy(fields: &Fields<'_, '_>, lints: &mut Lints) -> Strategy {
    let Some(name) = fields.text("strategy", lints) else {
        return Strategy::default();
    };
    let at = fields.get("strategy").map_or(fields.at, |node| node.at);
    if let Some((_, strategy)) = BY_ANOTHER_NAME.iter().find(|(word, _)| **word == *name) {
        lints.warning(
            at,
            format!("strategy `{name}` is carried out as `{strategy}`"),
            format!("write `{strategy}`"),
        );
        return *strategy;
    }
    Strategy::parse(&name).unwrap_or_else(|error| {
        lints.error(at, error.to_string());
        Strategy::default()
    })
}

/// Strategies of routing.md that are, between lanes, another one: a quorum of answers is a consensus; champion and
/// challenger are a first answer that escalates.
const BY_ANOTHER_NAME: &[(&str, Strategy)] = &[
    ("quorum", Strategy::Consensus),
    ("champion_challenger", Strategy::FirstWin),
];

fn read_pause_override(fields: &Fields<'_, '_>, lints: &mut Lints) -> u64 {
    let is_on = fields.flag("pause_override", lints).unwrap_or_default();
    let limit = fields
        .whole("pause_override_max_ms", 0..=PAUSE_OVERRIDE_MS, lints)
        .unwrap_or(PAUSE_OVERRIDE_MS);
    if is_on { limit } else { 0 }
}

/// Opens a block that has a single key.
fn inner<'n, 't>(
    fields: &Fields<'n, 't>,
    block: &str,
    key: &'static str,
    lints: &mut Lints,
) -> Option<Fields<'n, 't>> {
    Fields::open(fields.get(block)?, block, &[key], lints)
}
