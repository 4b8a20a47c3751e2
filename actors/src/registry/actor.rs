//! The shell around [`PolicyStore`] and the adapters' table.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler};
use atp_protocol::adapter::Capability;
use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::AdapterId;
use atp_protocol::units::Millis;
use atp_routing::fib::{Fib, Liveness, Registered, Unroutable};
use atp_routing::policy::{Loaded, PolicyStore};
use tracing::info;

use super::messages::{AdapterView, List, LoadPolicy, Register, Report, Withdraw};
use super::{AdapterSpec, Attachment, PolicyInForce, RegistryHandle, Snapshots};
use crate::adapter::{AdapterActor, Directory, Endpoint, Gate, Live};
use crate::environment::World;

/// Most adapters of a node.
pub const ADAPTERS_MAX: usize = 4_096;

/// Changes within this time make one table (routing.md 3.2); it is also how often silence is noticed.
const COALESCE: Duration = Duration::from_millis(100);

/// A dialled-in adapter that said nothing for so long has gone (atp.md 7.3), in milliseconds.
const STALE_MS: u64 = 300_000;

/// Policy and adapters.
pub struct Registry {
    policy: PolicyStore,
    adapters: BTreeMap<AdapterId, Entry>,
    snapshots: Arc<Snapshots>,
    directory: Arc<Directory>,
    world: World,
    is_dirty: bool,
    rebuilt: Millis,
}

struct Entry {
    spec: AdapterSpec,
    endpoint: Arc<Endpoint>,
    liveness: Liveness,
    last_seen: Millis,
    is_compliant: bool,
}

impl Registry {
    /// Starts on the calling arbiter.
    #[must_use]
    pub fn launch(policy: PolicyStore, world: World) -> RegistryHandle {
        let in_force = PolicyInForce {
            set: Arc::clone(policy.current()),
            version: policy.version(),
        };
        let snapshots = Arc::new(Snapshots::new(in_force));
        let directory = Arc::new(Directory::default());
        let registry = Self {
            policy,
            adapters: BTreeMap::new(),
            snapshots: Arc::clone(&snapshots),
            directory: Arc::clone(&directory),
            rebuilt: world.now(),
            world,
            is_dirty: false,
        };
        RegistryHandle::new(registry.start(), snapshots, directory)
    }

    fn rebuild(&mut self) {
        let registered: Vec<Registered> = self.adapters.values().flat_map(Entry::registered).collect();
        let set = Arc::clone(self.policy.current());
        let fib = Fib::build(&set, &registered);
        let routable = self
            .adapters
            .keys()
            .filter(|id| fib.candidates().iter().any(|candidate| candidate.adapter == **id))
            .count();
        self.snapshots.publish(
            PolicyInForce {
                set,
                version: self.policy.version(),
            },
            fib,
            routable,
        );
        let endpoints = self
            .adapters
            .iter()
            .map(|(id, entry)| (id.clone(), Arc::clone(&entry.endpoint)))
            .collect();
        self.directory.replace(endpoints);
        self.world.meter.adapters.set(self.adapters.len() as f64);
        let failing = self.adapters.values().filter(|entry| !entry.is_compliant).count();
        self.world.meter.non_compliant.set(failing as f64);
        self.rebuilt = self.world.now();
        self.is_dirty = false;
    }

    fn tick(&mut self) {
        let now = self.world.now();
        let before = self.adapters.len();
        self.adapters.retain(|_, entry| {
            entry.spec.attachment != Attachment::Dialled || now.since(entry.last_seen) <= STALE_MS
        });
        if self.is_dirty || self.adapters.len() != before {
            self.rebuild();
        }
    }
}

impl Entry {
    /// One registration per model, because each has a price of its own.
    fn registered(&self) -> Vec<Registered> {
        let capability = self.endpoint.capability.load_full();
        let one = |capability: Arc<Capability>, model: &str| Registered {
            price: self.spec.prices.of(model),
            capability,
            region: Arc::clone(&self.spec.region),
            liveness: self.liveness,
            is_compliant: self.is_compliant,
        };
        match capability.models.as_slice() {
            [] | [_] => {
                let model = capability.models.first().map_or_else(String::new, Clone::clone);
                vec![one(capability, &model)]
            }
            models => models
                .iter()
                .map(|model| {
                    one(
                        Arc::new(Capability {
                            models: vec![model.clone()],
                            ..Capability::clone(&capability)
                        }),
                        model,
                    )
                })
                .collect(),
        }
    }
}

impl Actor for Registry {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(COALESCE, |registry, _| registry.tick());
    }
}

impl Handler<Register> for Registry {
    type Result = Result<(), Fault>;

    fn handle(&mut self, Register(spec): Register, context: &mut Context<Self>) -> Self::Result {
        let id = spec.capability.adapter_id.clone();
        if self.adapters.len() >= ADAPTERS_MAX && !self.adapters.contains_key(&id) {
            let detail =
                format!("there are {ADAPTERS_MAX} adapters, as many as there may be; withdraw one first");
            return Err(Fault::new(Code::Window, detail));
        }
        let is_taken = self
            .adapters
            .get(&id)
            .is_some_and(|entry| entry.spec.attachment != Attachment::Dialled);
        if spec.attachment == Attachment::Dialled && is_taken {
            // A name of the operator's own cannot be taken over from outside.
            return Err(Fault::new(
                Code::Sec,
                format!("the name {id} belongs to a configured adapter"),
            ));
        }
        let now = self.world.now();
        let live = Arc::new(Live::new(spec.window));
        let needs_probe = spec.attachment == Attachment::Dialled;
        let actor = AdapterActor::launch(&spec, Arc::clone(&live), context.address(), self.world.clone());
        let endpoint = Arc::new(Endpoint {
            id: id.clone(),
            capability: arc_swap::ArcSwap::new(Arc::clone(&spec.capability)),
            live,
            factory: Arc::clone(&spec.factory),
            cancel_stops_billing: spec.cancel_stops_billing,
            actor,
        });
        let liveness = match spec.attachment {
            Attachment::Local | Attachment::Configured => Liveness::Local,
            Attachment::Dialled => Liveness::Silent { since: now },
        };
        info!(adapter = %id, "adapter registered");
        self.adapters.insert(
            id,
            Entry {
                spec,
                endpoint,
                liveness,
                last_seen: now,
                is_compliant: !needs_probe,
            },
        );
        self.rebuild();
        Ok(())
    }
}

impl Handler<Withdraw> for Registry {
    type Result = ();

    fn handle(&mut self, Withdraw { id, factory }: Withdraw, _: &mut Context<Self>) {
        let is_it = |entry: &Entry| Arc::ptr_eq(&entry.spec.factory, &factory);
        if self.adapters.get(&id).is_some_and(is_it) {
            self.adapters.remove(&id);
            info!(adapter = %id, "adapter withdrawn");
            self.rebuild();
        }
    }
}

impl Handler<Report> for Registry {
    type Result = ();

    fn handle(&mut self, report: Report, _: &mut Context<Self>) {
        let now = self.world.now();
        let Some(entry) = self.adapters.get_mut(&report.id) else {
            return;
        };
        entry.last_seen = now;
        if let Some(health) = report.health {
            entry.liveness = Liveness::Reported { health, at: now };
        }
        if let Some(models) = report.models {
            let capability = entry.endpoint.capability.load_full();
            if capability.models != models {
                entry.endpoint.capability.store(Arc::new(Capability {
                    models,
                    ..Capability::clone(&capability)
                }));
            }
        }
        if let Some(is_compliant) = report.is_compliant {
            entry.is_compliant = is_compliant;
        }
        self.is_dirty = true;
    }
}

impl Handler<LoadPolicy> for Registry {
    type Result = Result<(u64, u64), Vec<atp_routing::policy::Lint>>;

    fn handle(&mut self, LoadPolicy(text): LoadPolicy, _: &mut Context<Self>) -> Self::Result {
        let versions = match self.policy.load(&text)? {
            Loaded::Swapped { previous, version } => (version, previous),
            Loaded::Unchanged { version } => (version, version),
        };
        info!(version = versions.0, "policy in force");
        self.rebuild();
        Ok(versions)
    }
}

impl Handler<List> for Registry {
    type Result = Vec<AdapterView>;

    fn handle(&mut self, _: List, _: &mut Context<Self>) -> Self::Result {
        let fib = self.snapshots.fib();
        let reason = |id: &AdapterId| {
            fib.unroutable()
                .iter()
                .find(|(unroutable, _)| unroutable == id)
                .map(|(_, reason)| match reason {
                    Unroutable::NonCompliant => "it failed its compliance probe",
                    Unroutable::Unpriced => "it has no price",
                })
        };
        self.adapters
            .iter()
            .map(|(id, entry)| entry.view(reason(id)))
            .collect()
    }
}

impl Entry {
    fn view(&self, unroutable: Option<&'static str>) -> AdapterView {
        let live = &self.endpoint.live;
        AdapterView {
            capability: self.endpoint.capability.load_full(),
            attachment: match self.spec.attachment {
                Attachment::Local => "local",
                Attachment::Configured => "configured",
                Attachment::Dialled => "dialled",
            },
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
            is_compliant: self.is_compliant,
            unroutable,
        }
    }
}
