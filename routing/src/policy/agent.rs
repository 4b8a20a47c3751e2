//! Table `agents`: adapters and the roles the operator gives them.

use std::sync::Arc;

use atp_protocol::ids::PersonaId;
use atp_protocol::units::Tier;
use serde::Serialize;

use super::fields::Fields;
use super::grade::Lifecycle;
use super::lint::{Lints, Position};
use super::model::LIST_MAX;
use super::yaml::Node;

pub(super) const TIERS: &[(&str, Tier)] = &[
    ("gold", Tier::Gold),
    ("silver", Tier::Silver),
    ("bronze", Tier::Bronze),
];

const KEYS: &[&str] = &[
    "layer",
    "model",
    "qos",
    "personas",
    "regions",
    "data_scopes",
    "security_groups",
    "tenants",
    "tools",
    "capabilities",
    "lifecycle",
];

/// What the operator says of an adapter of the same name; or, with `model`, a name of its own for every adapter that
/// serves the model. A list that is given replaces what the adapter declares, so the operator has the last word.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Agent {
    /// Position in the operator's layering, not interpreted.
    pub layer: Option<Arc<str>>,
    /// The model it stands for.
    pub model: Option<Arc<str>>,
    /// Tiers it serves: one word means that tier and the ones below, a list exactly those.
    pub tiers: Option<Vec<Tier>>,
    /// Personas it carries out, beside those the adapter declares.
    pub personas: Vec<PersonaId>,
    /// Regions in which it processes data; all of them must be allowed.
    pub regions: Option<Vec<Arc<str>>>,
    /// Data-scope labels it may see.
    pub data_scopes: Option<Vec<Arc<str>>>,
    /// Security groups it belongs to.
    pub security_groups: Vec<Arc<str>>,
    /// Tenants it works for; all when absent.
    pub tenants: Option<Vec<Arc<str>>>,
    /// Tools it can run.
    pub tools: Option<Vec<Arc<str>>>,
    /// Task types and skills.
    pub capabilities: Option<Vec<Arc<str>>>,
    /// Whether it serves; the model's when absent.
    pub lifecycle: Option<Lifecycle>,
}

pub(super) fn read(node: &Node<'_>, lints: &mut Lints) -> Option<Agent> {
    let fields = Fields::open(node, "an agent", KEYS, lints)?;
    Some(Agent {
        layer: fields.text("layer", lints),
        model: fields.text("model", lints),
        tiers: read_tiers(&fields, lints),
        personas: read_personas(&fields, "personas", lints),
        regions: fields.texts("regions", LIST_MAX, lints),
        data_scopes: fields.texts("data_scopes", LIST_MAX, lints),
        security_groups: fields
            .texts("security_groups", LIST_MAX, lints)
            .unwrap_or_default(),
        tenants: fields.texts("tenants", LIST_MAX, lints),
        tools: fields.texts("tools", LIST_MAX, lints),
        capabilities: fields.texts("capabilities", LIST_MAX, lints),
        lifecycle: fields.choice("lifecycle", Lifecycle::WORDS, lints),
    })
}

fn read_tiers(fields: &Fields<'_, '_>, lints: &mut Lints) -> Option<Vec<Tier>> {
    let is_list = matches!(fields.get("qos")?.kind, super::yaml::Kind::List(_));
    let tiers = fields.choices("qos", TIERS, lints)?;
    match tiers.as_slice() {
        [best] if !is_list => Some(Tier::ALL.into_iter().filter(|tier| tier >= best).collect()),
        _ => Some(tiers),
    }
}

pub(super) fn read_personas(fields: &Fields<'_, '_>, key: &str, lints: &mut Lints) -> Vec<PersonaId> {
    let at = fields.get(key).map_or(fields.at, |node| node.at);
    fields
        .texts(key, LIST_MAX, lints)
        .unwrap_or_default()
        .iter()
        .filter_map(|name| persona_id(name, at, lints))
        .collect()
}

pub(super) fn persona_id(name: &str, at: Position, lints: &mut Lints) -> Option<PersonaId> {
    match PersonaId::new(name) {
        Ok(id) => Some(id),
        Err(error) => {
            lints.error(at, format!("persona `{name}`: {error}"));
            None
        }
    }
}
