//! A policy document as a whole: six tables, read once, checked once (routing.md 3.1).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use atp_protocol::ids::{PersonaId, TenantId};

use super::agent::{self, persona_id};
use super::attributes::{Kind, Schema};
use super::entry::{self, Policy};
use super::fields::{Fields, is_declarable};
use super::lint::{Lint, Lints, Position};
use super::model;
use super::overlap;
use super::persona::{self, Persona};
use super::set::PolicySet;
use super::tenant::{self, Tenant};
use super::weights::{FanoutCaps, Weights, read_tiers, read_weights};
use super::yaml::{self, Kind as NodeKind, Node};

/// Largest document in bytes.
pub const DOCUMENT_LEN_MAX: usize = 1024 * 1024;

/// Most policies of a set.
pub const POLICIES_MAX: usize = 10_000;

/// Most agents of a set.
pub const AGENTS_MAX: usize = 50_000;

/// Most models of a set.
pub const MODELS_MAX: usize = 5_000;

/// Most personas of a set.
const PERSONAS_MAX: usize = 10_000;

/// Most tenants of a set.
const TENANTS_MAX: usize = 10_000;

/// Most declared attributes of a set.
const ATTRIBUTES_MAX: usize = 256;

/// The policy that applies where no other does; every set has one.
pub(super) const DEFAULT: &str = "default";

const KEYS: &[&str] = &[
    "models",
    "agents",
    "personas",
    "policies",
    "tenants",
    "attributes",
    "weights",
    "tiers",
];

/// Reads a document; on success with the warnings, otherwise every problem found.
pub(super) fn parse(text: &str) -> Result<PolicySet, Vec<Lint>> {
    let mut lints = Lints::default();
    match read(text, &mut lints) {
        Some(mut set) if !lints.has_errors() => {
            set.warnings = lints.into_vec();
            Ok(set)
        }
        Some(_) | None => Err(lints.into_vec()),
    }
}

fn read(text: &str, lints: &mut Lints) -> Option<PolicySet> {
    if text.len() > DOCUMENT_LEN_MAX {
        lints.error(
            Position::START,
            format!(
                "the document has {} bytes; at most {DOCUMENT_LEN_MAX} are allowed",
                text.len()
            ),
        );
        return None;
    }
    let root = yaml::parse(text, lints)?;
    let fields = Fields::open(&root, "a policy document", KEYS, lints)?;
    let schema = Schema::new(read_attributes(&fields, lints));
    let weights = fields
        .get("weights")
        .and_then(|node| read_weights(node, lints))
        .unwrap_or_default();
    let policies = read_policies(&fields, &schema, weights, lints);
    overlap::check(&policies, lints);
    Some(PolicySet {
        hash: *blake3::hash(text.as_bytes()).as_bytes(),
        models: read_table(&fields, "models", "a model", MODELS_MAX, model::read, lints),
        agents: read_table(&fields, "agents", "an agent", AGENTS_MAX, agent::read, lints),
        personas: read_personas(&fields, lints),
        tenants: read_tenants(&fields, lints),
        fanout_caps: fields
            .get("tiers")
            .map_or_else(FanoutCaps::default, |node| read_tiers(node, lints)),
        policies: policies.into_iter().map(Arc::new).collect(),
        warnings: Vec::new(),
    })
}

fn read_table<T>(
    fields: &Fields<'_, '_>,
    table: &str,
    what: &str,
    max: usize,
    read: impl Fn(&Node<'_>, &mut Lints) -> Option<T>,
    lints: &mut Lints,
) -> BTreeMap<Arc<str>, T> {
    let Some(rows) = fields
        .get(table)
        .and_then(|node| Fields::open_free(node, table, lints))
    else {
        return BTreeMap::new();
    };
    if rows.entries().len() > max {
        lints.error(
            rows.at,
            format!(
                "{table} has {} entries; at most {max} are allowed",
                rows.entries().len()
            ),
        );
        return BTreeMap::new();
    }
    rows.entries()
        .iter()
        .filter(|(key, _)| is_declarable(key, what, lints))
        .collect::<Vec<_>>()
        .into_iter()
        .filter_map(|(key, node)| Some((Arc::from(key.text.as_ref()), read(node, lints)?)))
        .collect()
}

fn read_personas(fields: &Fields<'_, '_>, lints: &mut Lints) -> BTreeMap<PersonaId, Persona> {
    let table = read_table(
        fields,
        "personas",
        "a persona",
        PERSONAS_MAX,
        persona::read,
        lints,
    );
    let at = fields.get("personas").map_or(fields.at, |node| node.at);
    table
        .into_iter()
        .filter_map(|(name, persona)| Some((persona_id(&name, at, lints)?, persona)))
        .collect()
}

fn read_tenants(fields: &Fields<'_, '_>, lints: &mut Lints) -> BTreeMap<Arc<str>, Tenant> {
    let table = read_table(fields, "tenants", "a tenant", TENANTS_MAX, tenant::read, lints);
    let at = fields.get("tenants").map_or(fields.at, |node| node.at);
    for name in table.keys() {
        if let Err(error) = TenantId::new(name) {
            lints.error_with_hint(
                at,
                format!("tenant `{name}`: {error}"),
                "name one, or `default` for all others",
            );
        }
    }
    table
}

/// Declared attributes. One that names a built-in would change its type for half the document.
fn read_attributes(fields: &Fields<'_, '_>, lints: &mut Lints) -> Vec<(Arc<str>, Kind)> {
    let Some(rows) = fields
        .get("attributes")
        .and_then(|node| Fields::open_free(node, "attributes", lints))
    else {
        return Vec::new();
    };
    if rows.entries().len() > ATTRIBUTES_MAX {
        lints.error(rows.at, format!("more than {ATTRIBUTES_MAX} attributes"));
        return Vec::new();
    }
    let mut declared = Vec::new();
    for (key, _) in rows.entries() {
        if Schema::is_built_in(&key.text) {
            lints.error(
                key.at,
                format!("attribute `{}` is built in and has its own type", key.text),
            );
        } else if is_declarable(key, "an attribute", lints)
            && let Some(kind) = rows.choice(&key.text, Kind::WORDS, lints)
        {
            declared.push((Arc::from(key.text.as_ref()), kind));
        }
    }
    declared
}

/// The policies in order of selection: priority, then most keys, then id.
fn read_policies(
    fields: &Fields<'_, '_>,
    schema: &Schema,
    weights: Weights,
    lints: &mut Lints,
) -> Vec<Policy> {
    let items: &[Node<'_>] = match fields.get("policies") {
        None => &[],
        Some(Node {
            kind: NodeKind::List(items),
            ..
        }) => items,
        Some(node) => {
            lints.error(
                node.at,
                format!("policies is {}; it must be a list", node.describe()),
            );
            &[]
        }
    };
    if items.len() > POLICIES_MAX {
        lints.error(
            fields.at,
            format!("{} policies; at most {POLICIES_MAX} are allowed", items.len()),
        );
        return Vec::new();
    }
    let mut policies: Vec<Policy> = items
        .iter()
        .filter_map(|node| entry::read(node, schema, weights, lints))
        .collect();
    check_ids(&policies, fields.at, lints);
    policies.sort_by(|a, b| {
        b.priority
            .cmp(&a.priority)
            .then_with(|| b.clauses.len().cmp(&a.clauses.len()))
            .then_with(|| a.id.cmp(&b.id))
    });
    policies
}

fn check_ids(policies: &[Policy], at: Position, lints: &mut Lints) {
    let mut seen = BTreeSet::new();
    for policy in policies {
        if !seen.insert(&policy.id) {
            lints.error(policy.at, format!("a second policy with id `{}`", policy.id));
        }
    }
    match policies.iter().find(|policy| &*policy.id == DEFAULT) {
        None => lints.error_with_hint(
            at,
            "no policy with id `default`",
            "add `- id: default` without `match`; it applies where no other does",
        ),
        Some(default) if !default.clauses.is_empty() => lints.error_with_hint(
            default.at,
            "the policy `default` has keys under `match`",
            "leave `match` out, or give the policy another id",
        ),
        Some(_) => {}
    }
}
