//! A checked policy set, and which of its policies applies to a request.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use atp_protocol::flow::Rate;
use atp_protocol::ids::{PersonaId, TenantId};

use super::agent::Agent;
use super::attributes::Attributes;
use super::document;
use super::entry::Policy;
use super::glob::Glob;
use super::lint::Lint;
use super::model::Model;
use super::persona::Persona;
use super::tenant::{self, Tenant};
use super::weights::FanoutCaps;

/// The policies of a node without configuration.
const BUILT_IN: &str = include_str!("builtin.yaml");

/// A policy document that passed every check. Immutable; shared by snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicySet {
    /// blake3 of the document.
    pub(super) hash: [u8; 32],
    pub(super) models: BTreeMap<Arc<str>, Model>,
    pub(super) agents: BTreeMap<Arc<str>, Agent>,
    pub(super) personas: BTreeMap<PersonaId, Persona>,
    pub(super) tenants: BTreeMap<Arc<str>, Tenant>,
    pub(super) fanout_caps: FanoutCaps,
    /// In order of selection; the default is among them and has no clauses.
    pub(super) policies: Vec<Arc<Policy>>,
    pub(super) warnings: Vec<Lint>,
}

/// The policy that applies to a request, and what made it.
#[derive(Debug, Clone)]
pub struct Matched {
    /// The policy.
    pub policy: Arc<Policy>,
    /// Why it and no other.
    pub why: Why,
}

/// Which step of the selection decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// No other policy matched.
    Only,
    /// It matched with the highest priority.
    Priority,
    /// Of those with the highest priority it has most keys.
    MostKeys,
    /// Others were as good; its id is the first.
    Id,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Only => "only match",
            Self::Priority => "highest priority",
            Self::MostKeys => "most keys",
            Self::Id => "first id",
        })
    }
}

impl PolicySet {
    /// Reads and checks a document.
    ///
    /// # Errors
    /// Every problem found, at most 100 of them in document order, with line, column and hint. Warnings alone do not
    /// keep a set from being used; they are in [`Self::warnings`].
    pub fn parse(text: &str) -> Result<Self, Vec<Lint>> {
        document::parse(text)
    }

    /// The set of a node that has no configuration.
    #[must_use]
    pub fn built_in() -> Self {
        Self::parse(BUILT_IN).expect("the built-in document passes its own checks, as a test shows")
    }

    /// The policy that applies: highest priority, then most keys under `match`, then least id.
    #[must_use]
    pub fn select(&self, attributes: &Attributes<'_>) -> Matched {
        let mut matching = self.policies.iter().filter(|policy| policy.applies(attributes));
        let first = matching
            .next()
            .expect("the default policy has no keys and matches every request");
        let why = match matching.next() {
            None => Why::Only,
            Some(next) if next.priority != first.priority => Why::Priority,
            Some(next) if next.clauses.len() != first.clauses.len() => Why::MostKeys,
            Some(_) => Why::Id,
        };
        Matched {
            policy: Arc::clone(first),
            why,
        }
    }

    /// blake3 of the document's bytes.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Problems that did not keep the set from being used.
    #[must_use]
    pub fn warnings(&self) -> &[Lint] {
        &self.warnings
    }

    /// The policies in order of selection.
    pub fn policies(&self) -> impl ExactSizeIterator<Item = &Policy> {
        self.policies.iter().map(|policy| &**policy)
    }

    /// What the operator knows of a model.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.get(name)
    }

    /// What the operator says of an adapter or agent.
    #[must_use]
    pub fn agent(&self, name: &str) -> Option<&Agent> {
        self.agents.get(name)
    }

    /// Agents by name, in order.
    pub fn agents(&self) -> impl Iterator<Item = (&str, &Agent)> {
        self.agents.iter().map(|(name, agent)| (&**name, agent))
    }

    /// A declared persona.
    #[must_use]
    pub fn persona(&self, id: &str) -> Option<&Persona> {
        self.personas.get(id)
    }

    /// Declared personas, in order.
    pub fn personas(&self) -> impl Iterator<Item = (&PersonaId, &Persona)> {
        self.personas.iter()
    }

    /// How often all credentials of a tenant together may call; `None` is no limit.
    #[must_use]
    pub fn rate(&self, tenant: &TenantId) -> Option<Rate> {
        let own = self.tenants.get(tenant.as_str());
        own.or_else(|| self.tenants.get(tenant::DEFAULT))?.rate
    }

    /// Most lanes of a fan-out per tier.
    #[must_use]
    pub const fn fanout_caps(&self) -> &FanoutCaps {
        &self.fanout_caps
    }

    /// Every glob by which a policy names adapters, for the FIB to resolve ahead of requests.
    pub fn globs(&self) -> impl Iterator<Item = &Glob> {
        self.policies
            .iter()
            .flat_map(|policy| policy.fanout.iter().chain(&policy.escalation.to))
            .filter(|glob| !glob.is_literal())
    }
}
