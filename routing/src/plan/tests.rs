//! One fixture: a cluster described by a few adapters, a request, and conditions by adapter id.

mod filters;
mod lanes;
mod laws;
mod scores;

use std::collections::BTreeMap;
use std::sync::Arc;

use atp_protocol::adapter::Capability;
use atp_protocol::estimate::{Estimate, Price};
use atp_protocol::ids::{AccountId, AdapterId, PersonaId, RequestId, TenantId};
use atp_protocol::request::{AgentRequest, Content, Identity, PersonaRequest};
use atp_protocol::units::{Millis, Tier};

use super::*;
use crate::fib::{Candidate, Fib, Liveness, Registered};
use crate::policy::PolicySet;

/// An adapter as a test needs it; everything else is ordinary.
struct Adapter {
    registered: Registered,
    condition: Condition,
    estimate: Option<Estimate>,
}

impl Adapter {
    fn new(id: &str) -> Self {
        let capability = Capability {
            capabilities: vec!["chat".to_owned()],
            models: vec![id.to_owned()],
            ..Capability::new(AdapterId::new(id).unwrap(), "agent")
        };
        Self {
            registered: Registered {
                capability: Arc::new(capability),
                region: "eu-west".into(),
                price: Some(Price {
                    input: 1_000_000,
                    output: 1_000_000,
                }),
                liveness: Liveness::Local,
                is_compliant: true,
            },
            condition: Condition::default(),
            estimate: None,
        }
    }

    fn declares(mut self, declare: impl FnOnce(&mut Capability)) -> Self {
        declare(Arc::make_mut(&mut self.registered.capability));
        self
    }

    fn stands(mut self, stand: impl FnOnce(&mut Condition)) -> Self {
        stand(&mut self.condition);
        self
    }

    /// The same price for every token, in micro-dollars.
    fn costs(mut self, micros_per_token: u64) -> Self {
        let per_million = micros_per_token * 1_000_000;
        self.registered.price = Some(Price {
            input: per_million,
            output: per_million,
        });
        self
    }
}

/// A cluster and its policies.
struct World {
    policies: PolicySet,
    fib: Arc<Fib>,
    adapters: BTreeMap<AdapterId, (Condition, Option<Estimate>)>,
}

impl Conditions for World {
    fn condition(&self, candidate: &Candidate) -> Condition {
        self.adapters[&candidate.adapter].0
    }

    fn estimate(&self, candidate: &Candidate) -> Option<&Estimate> {
        self.adapters[&candidate.adapter].1.as_ref()
    }
}

impl World {
    fn new(policy: &str, adapters: Vec<Adapter>) -> Self {
        let policies = PolicySet::parse(policy).unwrap_or_else(|lints| panic!("{lints:?}"));
        let registered: Vec<Registered> = adapters.iter().map(|a| a.registered.clone()).collect();
        Self {
            fib: Arc::new(Fib::build(&policies, &registered)),
            policies,
            adapters: adapters
                .into_iter()
                .map(|a| {
                    (
                        a.registered.capability.adapter_id.clone(),
                        (a.condition, a.estimate),
                    )
                })
                .collect(),
        }
    }

    /// Policies with only a default that says this.
    fn with_default(default: &str, adapters: Vec<Adapter>) -> Self {
        let comma = if default.is_empty() { "" } else { ", " };
        Self::new(&format!("policies: [{{id: default{comma}{default}}}]"), adapters)
    }

    fn decide(&self, request: &AgentRequest) -> Decision {
        self.decide_with(&Input::new(Millis(1_000_000), "eu-west", request))
    }

    fn decide_with(&self, input: &Input<'_>) -> Decision {
        decide(input, &self.policies, &self.fib, self)
    }

    fn plan(&self, request: &AgentRequest) -> Plan {
        self.decide(request)
            .outcome
            .unwrap_or_else(|refusal| panic!("{refusal:?}"))
    }

    fn refusal(&self, request: &AgentRequest) -> Refusal {
        self.decide(request).outcome.expect_err("nobody is left")
    }
}

/// Forty bytes of prompt: ten tokens in, 512 out.
fn ask() -> AgentRequest {
    let acme = TenantId::new("acme").unwrap();
    let identity = Identity::new(acme, Some(AccountId::new("acme").unwrap()));
    let content = Content::prompt("0123456789012345678901234567890123456789");
    AgentRequest::new(RequestId::new("r1").unwrap(), identity, content)
}

fn ask_for(model: &str) -> AgentRequest {
    let mut request = ask();
    Arc::make_mut(&mut request.content).model = Some(model.to_owned());
    request
}

fn ask_personas(personas: &[(&str, u32)]) -> AgentRequest {
    let mut request = ask();
    request.meta.personas = personas
        .iter()
        .map(|&(id, count)| PersonaRequest {
            persona_id: PersonaId::new(id).unwrap(),
            count,
            qos: None,
            weight: None,
        })
        .collect();
    request
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.lanes.iter().map(|lane| lane.candidate.name()).collect()
}

fn spares(spares: &[Spare]) -> Vec<&str> {
    spares.iter().map(|spare| spare.candidate.name()).collect()
}

/// A decision as JSON.
fn written(decision: &Decision) -> serde_json::Value {
    serde_json::to_value(decision.trace()).unwrap()
}
