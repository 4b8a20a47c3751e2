//! What the registry keeps of one adapter.

use std::sync::Arc;

use atp_protocol::adapter::Capability;
use atp_protocol::units::Millis;
use atp_routing::fib::{Liveness, Registered};

use super::messages::{AdapterView, Claim};
use super::{AdapterSpec, Attachment};
use crate::adapter::{Endpoint, Gate};

pub(super) struct Entry {
    pub(super) spec: AdapterSpec,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) liveness: Liveness,
    pub(super) last_seen: Millis,
}

impl Entry {
    pub(super) fn new(now: Millis, spec: AdapterSpec, endpoint: Arc<Endpoint>) -> Self {
        let is_dialled = spec.attachment == Attachment::Dialled;
        Self {
            liveness: match is_dialled {
                true => Liveness::Silent { since: now },
                false => Liveness::Local,
            },
            last_seen: now,
            spec,
            endpoint,
        }
    }

    /// Whether this is the registration that `claim` speaks of.
    pub(super) fn is(&self, claim: &Claim) -> bool {
        Arc::ptr_eq(&self.spec.factory, &claim.factory)
    }

    /// As it is: with what the adapter declared last.
    pub(super) fn spec(&self) -> AdapterSpec {
        AdapterSpec {
            capability: self.endpoint.capability.load_full(),
            ..self.spec.clone()
        }
    }

    /// One registration per model, because each has a price of its own.
    pub(super) fn registered(&self) -> Vec<Registered> {
        let capability = self.endpoint.capability.load_full();
        let is_compliant = self.endpoint.is_compliant();
        let one = |capability: Arc<Capability>, model: &str| Registered {
            price: self.spec.prices.of(model),
            capability,
            region: Arc::clone(&self.spec.region),
            liveness: self.liveness,
            is_compliant,
        };
        match capability.models.as_slice() {
            [] | [_] => {
                let model = capability.models.first().map_or_else(String::new, Clone::clone);
                vec![one(capability, &model)]
            }
            models => {
                // Without the list, which each of its models would copy.
                let common = Capability {
                    models: Vec::new(),
                    ..Capability::clone(&capability)
                };
                let of = |model: &String| Capability {
                    models: vec![model.clone()],
                    ..common.clone()
                };
                models
                    .iter()
                    .map(|model| one(Arc::new(of(model)), model))
                    .collect()
            }
        }
    }

    /// As those see it who know of it.
    pub(super) fn view(&self, unroutable: Option<&'static str>) -> AdapterView {
        let live = &self.endpoint.live;
        AdapterView {
            capability: self.endpoint.capability.load_full(),
            owner: self.endpoint.name.owner.clone(),
            attachment: self.spec.attachment.as_str(),
            node: self.spec.attachment.elsewhere(),
            health: self.liveness.health().copied(),
            status: live.status(),
            circuit: match live.gate() {
                Gate::Closed => "closed",
                Gate::Open { .. } => "open",
                Gate::HalfOpen => "half-open",
            },
            p95_ms: live.p95_ms(),
            error_rate: live.error_rate(),
            in_flight: live.in_flight(),
            window: live.window(),
            is_compliant: self.endpoint.is_compliant(),
            unroutable,
        }
    }
}
