//! Table `personas`: roles, and who may carry them out.

use std::sync::Arc;

use atp_protocol::units::Tier;
use serde::Serialize;

use super::agent::TIERS;
use super::fields::{Fields, scalar};
use super::glob::Glob;
use super::lint::Lints;
use super::model::LIST_MAX;
use super::yaml::Node;

/// Longest prompt in bytes.
const PROMPT_LEN_MAX: usize = 32 * 1024;

/// A role (atp.md 19.2).
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Persona {
    /// Put before the conversation as a system turn.
    pub prompt: Option<Arc<str>>,
    /// Adapters and agents that carry it out, beside those that declare it.
    #[serde(skip)]
    pub adapters: Vec<Glob>,
    /// Tools it may call; all the request's when absent.
    pub tools: Option<Vec<Arc<str>>>,
    /// Tier of its lanes where the request gives none.
    pub tier: Option<Tier>,
    /// Data-scope labels for which its lane must finish before any answer leaves.
    pub compliance: Vec<Arc<str>>,
    /// Base weight of its lanes in reconciliation.
    pub weight: Option<f64>,
}

const KEYS: &[&str] = &["prompt", "adapters", "tools", "qos", "compliance", "weight"];

pub(super) fn read(node: &Node<'_>, lints: &mut Lints) -> Option<Persona> {
    let fields = Fields::open(node, "a persona", KEYS, lints)?;
    Some(Persona {
        prompt: fields.get("prompt").and_then(|node| read_prompt(node, lints)),
        adapters: fields.globs("adapters", LIST_MAX, lints).unwrap_or_default(),
        tools: fields.texts("tools", LIST_MAX, lints),
        tier: fields.choice("qos", TIERS, lints),
        compliance: fields.texts("compliance", LIST_MAX, lints).unwrap_or_default(),
        weight: fields.number("weight", 0.0..=100.0, lints),
    })
}

fn read_prompt(node: &Node<'_>, lints: &mut Lints) -> Option<Arc<str>> {
    let prompt = scalar(node, "prompt", lints)?;
    if prompt.len() > PROMPT_LEN_MAX {
        lints.error(
            node.at,
            format!(
                "prompt has {} bytes; at most {PROMPT_LEN_MAX} are allowed",
                prompt.len()
            ),
        );
        return None;
    }
    Some(prompt.into())
}
