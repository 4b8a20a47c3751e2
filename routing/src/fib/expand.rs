//! From the RIB and the registered adapters to candidates: whose word counts for which fact.

use std::collections::BTreeMap;
use std::sync::Arc;

use atp_protocol::adapter::Capability;
use atp_protocol::estimate::Price;
use atp_protocol::ids::PersonaId;
use atp_protocol::units::Tier;

use super::candidate::Candidate;
use super::registered::{Registered, Unroutable};
use crate::policy::{Agent, Glob, Model, PolicySet};

/// The RIB, arranged for expansion.
pub(super) struct Rib<'p> {
    policies: &'p PolicySet,
    /// Agents that stand for a model, by model.
    stand_ins: BTreeMap<&'p str, Vec<(&'p str, &'p Agent)>>,
}

impl<'p> Rib<'p> {
    pub(super) fn new(policies: &'p PolicySet) -> Self {
        let mut stand_ins: BTreeMap<&str, Vec<(&str, &Agent)>> = BTreeMap::new();
        for (name, agent) in policies.agents() {
            if let Some(model) = agent.model.as_deref() {
                stand_ins.entry(model).or_default().push((name, agent));
            }
        }
        Self { policies, stand_ins }
    }

    /// Appends the candidates of one adapter: one for each of its models, under its own name and under the name of
    /// every agent that stands for the model. An adapter that lists no models is one model, named like itself.
    ///
    /// # Errors
    /// Why it has none.
    pub(super) fn expand(&self, adapter: &Registered, out: &mut Vec<Candidate>) -> Result<(), Unroutable> {
        if !adapter.is_compliant {
            return Err(Unroutable::NonCompliant);
        }
        let capability = &*adapter.capability;
        let id = capability.adapter_id.as_str();
        let own = self.policies.agent(id);
        let before = out.len();
        let itself = [id.to_owned()];
        let models: &[String] = if capability.models.is_empty() {
            &itself
        } else {
            &capability.models
        };
        for name in models {
            let model = self
                .policies
                .model(name)
                .filter(|model| applies(model, capability));
            let Some(price) = price(model, adapter) else {
                continue;
            };
            let facts = Facts {
                policies: self.policies,
                adapter,
                name,
                model,
                price,
            };
            if own.is_none_or(|agent| agent.model.as_deref().is_none_or(|only| only == name)) {
                out.push(facts.candidate(None, own));
            }
            for &(agent, entry) in self.stand_ins.get(name.as_str()).into_iter().flatten() {
                if agent != id {
                    out.push(facts.candidate(Some(agent), Some(entry)));
                }
            }
        }
        if out.len() == before {
            return Err(Unroutable::Unpriced);
        }
        Ok(())
    }
}

/// Whether an entry of `models` is about this adapter.
fn applies(model: &Model, capability: &Capability) -> bool {
    model.provider.as_deref().is_none_or(|provider| {
        provider == capability.adapter_id.as_str() || provider == capability.adapter_type
    })
}

/// The policy document's price, else the operator's configuration's, else the adapter's own.
fn price(model: Option<&Model>, adapter: &Registered) -> Option<Price> {
    model.and_then(|model| model.price).or(adapter.price).or_else(|| {
        let micros = adapter.capability.cost_per_token_micros?;
        (micros.is_finite() && micros >= 0.0).then(|| Price::per_token(micros))
    })
}

/// One model behind one adapter.
struct Facts<'f> {
    policies: &'f PolicySet,
    adapter: &'f Registered,
    name: &'f str,
    model: Option<&'f Model>,
    price: Price,
}

impl Facts<'_> {
    /// Puts together what the adapter declared and what the operator said; the operator's lists replace the adapter's.
    fn candidate(&self, agent: Option<&str>, entry: Option<&Agent>) -> Candidate {
        let capability = &*self.adapter.capability;
        let model = self.model;
        let name = agent.unwrap_or(capability.adapter_id.as_str());
        let operators = |list: fn(&Agent) -> Option<&Vec<Arc<str>>>| entry.and_then(list).map(Vec::as_slice);
        let strengths = model.map_or(&[][..], |model| &model.strengths);
        Candidate {
            id: format!("{name}/{}@{}", self.name, self.adapter.region).into(),
            adapter: capability.adapter_id.clone(),
            agent: agent.map(Arc::from),
            model: self.name.into(),
            region: Arc::clone(&self.adapter.region),
            residency: operators(|agent| agent.regions.as_ref()).map_or_else(
                || Box::from([Arc::clone(&self.adapter.region)]),
                |regions| sorted(regions.iter().cloned()),
            ),
            personas: self.personas(agent, entry),
            capabilities: match operators(|agent| agent.capabilities.as_ref()) {
                Some(list) => sorted(list.iter().chain(strengths).cloned()),
                None => sorted(shared(&capability.capabilities).chain(strengths.iter().cloned())),
            },
            languages: sorted(shared(&capability.supported_languages)),
            tools: or_declared(operators(|agent| agent.tools.as_ref()), &capability.tools),
            data_scopes: or_declared(
                operators(|agent| agent.data_scopes.as_ref()),
                &capability.safety_domains,
            ),
            security_groups: sorted(
                entry
                    .into_iter()
                    .flat_map(|agent| agent.security_groups.iter().cloned()),
            ),
            tenants: operators(|agent| agent.tenants.as_ref()).map(|list| sorted(list.iter().cloned())),
            tiers: tiers(entry, capability),
            price: self.price,
            context_tokens: model
                .and_then(|model| model.context_tokens)
                .or(capability.max_tokens),
            family: model.and_then(|model| model.family.clone()),
            safety_grade: model.map(|model| model.safety_grade).unwrap_or_default(),
            lifecycle: entry
                .and_then(|agent| agent.lifecycle)
                .or(model.map(|model| model.lifecycle))
                .unwrap_or_default(),
            quality_pred: model.and_then(|model| model.quality_pred),
            est_latency_ms: model.and_then(|model| model.est_latency_ms),
            max_parallel: capability.max_parallel,
            estimates: capability.estimate,
            lacks: sorted(capability.lacks.iter().copied()),
            liveness: self.adapter.liveness,
        }
    }

    /// Personas the adapter declares, those its entry adds, and those whose own entry names it. An agent that stands for
    /// a model has only the latter two: the adapter's own roles are the adapter's.
    ///
    /// A declared name that cannot be a persona's is passed over: nobody could ask for it.
    fn personas(&self, agent: Option<&str>, entry: Option<&Agent>) -> Box<[PersonaId]> {
        let capability = &*self.adapter.capability;
        let declared = capability.personas.iter().filter(|_| agent.is_none());
        let mut personas: Vec<PersonaId> = declared
            .filter_map(|persona| PersonaId::new(persona).ok())
            .chain(entry.into_iter().flat_map(|agent| agent.personas.iter().cloned()))
            .collect();
        let is_named = |glob: &Glob| match agent {
            Some(name) => glob.matches(name),
            None => glob.matches(capability.adapter_id.as_str()) || glob.matches(self.name),
        };
        for (persona, role) in self.policies.personas() {
            if role.adapters.iter().any(is_named) {
                personas.push(persona.clone());
            }
        }
        personas.sort_unstable();
        personas.dedup();
        personas.into_boxed_slice()
    }
}

fn tiers(entry: Option<&Agent>, capability: &Capability) -> [bool; 3] {
    match entry.and_then(|agent| agent.tiers.as_deref()) {
        Some(tiers) => Tier::ALL.map(|tier| tiers.contains(&tier)),
        None => Tier::ALL.map(|tier| capability.qos.is_empty() || capability.qos.contains(&tier)),
    }
}

fn or_declared(operators: Option<&[Arc<str>]>, declared: &[String]) -> Box<[Arc<str>]> {
    match operators {
        Some(list) => sorted(list.iter().cloned()),
        None => sorted(shared(declared)),
    }
}

fn shared(list: &[String]) -> impl Iterator<Item = Arc<str>> {
    list.iter().map(|word| Arc::from(word.as_str()))
}

fn sorted<T: Ord>(words: impl Iterator<Item = T>) -> Box<[T]> {
    let mut words: Vec<T> = words.collect();
    words.sort_unstable();
    words.dedup();
    words.into_boxed_slice()
}
