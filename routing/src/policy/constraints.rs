//! Block `constraints`: what every chosen candidate must satisfy, whatever its score.

use std::sync::Arc;

use super::fields::Fields;
use super::glob::Glob;
use super::grade::SafetyGrade;
use super::lint::Lints;
use super::model::LIST_MAX;
use super::yaml::Node;

/// Most dollars one request may cost (routing.md 1.2).
pub(super) const REQUEST_USD_MAX: f64 = 10.0;

const KEYS: &[&str] = &[
    "regions_any",
    "regions_not",
    "security_groups_any",
    "security_groups_all",
    "capabilities_any",
    "capabilities_all",
    "tools_all",
    "safety_min",
    "latency_slo_ms",
    "quality_min",
    "max_cost_usd",
];

/// Hard constraints of a policy. Empty lists and absent figures constrain nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Constraints {
    /// Every region of the candidate matches one of these.
    pub regions_any: Vec<Glob>,
    /// No region of the candidate matches one of these.
    pub regions_not: Vec<Glob>,
    /// The candidate belongs to one of these security groups.
    pub security_groups_any: Vec<Arc<str>>,
    /// The candidate belongs to each of these security groups.
    pub security_groups_all: Vec<Arc<str>>,
    /// The candidate has one of these capabilities.
    pub capabilities_any: Vec<Arc<str>>,
    /// The candidate has each of these capabilities.
    pub capabilities_all: Vec<Arc<str>>,
    /// The candidate can run each of these tools, and the request permits them if it permits any by name.
    pub tools_all: Vec<Arc<str>>,
    /// Lowest safety grade.
    pub safety_min: SafetyGrade,
    /// Latency objective in place of the request's, in milliseconds.
    pub latency_slo_ms: Option<u64>,
    /// Predicted quality in place of the floor of the request's quality.
    pub quality_min: Option<f64>,
    /// Most a lane may cost in micro-dollars; the request may ask for less.
    pub max_cost_usd_micros: Option<u64>,
}

pub(super) fn read(node: &Node<'_>, lints: &mut Lints) -> Constraints {
    let Some(fields) = Fields::open(node, "constraints", KEYS, lints) else {
        return Constraints::default();
    };
    let mut texts = |key| fields.texts(key, LIST_MAX, lints).unwrap_or_default();
    let security_groups_any = texts("security_groups_any");
    let security_groups_all = texts("security_groups_all");
    let capabilities_any = texts("capabilities_any");
    let capabilities_all = texts("capabilities_all");
    let tools_all = texts("tools_all");
    Constraints {
        regions_any: fields.globs("regions_any", LIST_MAX, lints).unwrap_or_default(),
        regions_not: fields.globs("regions_not", LIST_MAX, lints).unwrap_or_default(),
        security_groups_any,
        security_groups_all,
        capabilities_any,
        capabilities_all,
        tools_all,
        safety_min: fields
            .choice("safety_min", SafetyGrade::WORDS, lints)
            .unwrap_or_default(),
        latency_slo_ms: fields.whole("latency_slo_ms", 100..=3_600_000, lints),
        quality_min: fields.number("quality_min", 0.0..=1.0, lints),
        max_cost_usd_micros: fields.usd("max_cost_usd", REQUEST_USD_MAX, lints),
    }
}
