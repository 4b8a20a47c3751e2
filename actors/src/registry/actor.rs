//! The shell around [`PolicyStore`] and the adapters' table.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler};
use atp_protocol::adapter::{Capability, Health};
use atp_protocol::error::{Code, Fault};
use atp_protocol::units::Millis;
use atp_routing::fib::Liveness;
use atp_routing::policy::{Loaded, PolicyStore};
use tokio::sync::watch;
use tracing::info;

use super::entry::Entry;
use super::messages::{AdapterView, List, LoadPolicy, Register, Report, Specs, Withdraw};
use super::tables::{self, Stale};
use super::{AdapterSpec, Attachment, PolicyInForce, RegistryHandle, Snapshots};
use crate::adapter::{AdapterActor, AdapterName, Directory, Endpoint, Heard, Live, Watch};
use crate::environment::World;
use crate::persona::Roster;

/// Most adapters of a node.
pub const ADAPTERS_MAX: usize = 4_096;

/// Most adapters of one tenant, so that one alone does not fill the table.
pub const TENANT_MAX: usize = 256;

/// Changes within this time make one table (routing.md 3.2); it is also how often silence is noticed.
const COALESCE: Duration = Duration::from_millis(100);

/// After tables were made no others are for so many times as long, so that they take a fifth of the thread at most.
const REST: u64 = 4;

/// A dialled-in adapter that said nothing for so long has gone (atp.md 7.3), in milliseconds.
const STALE_MS: u64 = 300_000;

/// Policy and adapters.
pub struct Registry {
    policy: PolicyStore,
    adapters: BTreeMap<AdapterName, Entry>,
    registrations: u64,
    watch: Watch,
    snapshots: Arc<Snapshots>,
    directory: Arc<Directory>,
    personas: Arc<Roster>,
    world: World,
    stale: Stale,
    /// When tables may be made again.
    rested: Millis,
    /// Counts what is of interest to whoever looks at [`Specs`].
    changes: watch::Sender<u64>,
}

impl Registry {
    /// Starts on the calling arbiter.
    #[must_use]
    pub fn launch(policy: PolicyStore, watch: Watch, world: World) -> RegistryHandle {
        let in_force = PolicyInForce {
            set: Arc::clone(policy.current()),
            version: policy.version(),
        };
        let snapshots = Arc::new(Snapshots::new(in_force));
        let directory = Arc::new(Directory::default());
        let personas = Arc::new(Roster::default());
        let registry = Self {
            policy,
            adapters: BTreeMap::new(),
            snapshots: Arc::clone(&snapshots),
            directory: Arc::clone(&directory),
            personas: Arc::clone(&personas),
            registrations: 0,
            watch,
            world,
            stale: Stale::default(),
            rested: Millis(0),
            changes: watch::Sender::new(0),
        };
        let changes = registry.changes.subscribe();
        RegistryHandle::new(registry.start(), snapshots, directory, personas, changes)
    }

    /// Publishes what changed.
    fn rebuild(&mut self) {
        let began = self.world.now();
        let stale = std::mem::take(&mut self.stale);
        let policy = PolicyInForce {
            set: Arc::clone(self.policy.current()),
            version: self.policy.version(),
        };
        let fibs = tables::rebuilt(&policy.set, &self.adapters, &self.snapshots.fibs(), &stale);
        let routable = tables::routable(&self.adapters, &fibs);
        self.personas
            .assign(tables::personas(&policy.set, &self.adapters, &fibs));
        self.snapshots.publish(policy, fibs, routable);
        self.list();
        let meter = &self.world.meter.adapters;
        meter.rebuilds.increment(1);
        let failing = self
            .adapters
            .values()
            .filter(|entry| !entry.endpoint.is_compliant());
        meter.non_compliant.set(failing.count() as f64);
        let now = self.world.now();
        self.rested = now.plus(now.since(began) * REST);
    }

    /// Publishes who is there: at once, because it is cheap beside a table and the adapter's own reports need it.
    fn list(&self) {
        let endpoints = self.adapters.values().map(|entry| Arc::clone(&entry.endpoint));
        self.directory.replace(endpoints);
        self.changed();
        self.world
            .meter
            .adapters
            .registered
            .set(self.adapters.len() as f64);
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn tick(&mut self) {
        let now = self.world.now();
        let stale = &mut self.stale;
        self.adapters.retain(|name, entry| {
            let is_there =
                entry.spec.attachment != Attachment::Dialled || now.since(entry.last_seen) <= STALE_MS;
            if !is_there {
                stale.add(name.owner.as_ref());
            }
            is_there
        });
        if !self.stale.is_empty() && now >= self.rested {
            self.rebuild();
        }
    }

    /// Whether there is a place for an adapter of this name, and the name is to be had.
    fn admit(&self, name: &AdapterName, attachment: Attachment) -> Result<(), Fault> {
        let clashes = |name: &AdapterName| {
            let Some(has) = self.adapters.get(name).map(|entry| entry.spec.attachment) else {
                return false;
            };
            let is_taken_from_here = attachment.elsewhere().is_some() && has.elsewhere().is_none();
            is_taken_from_here || (attachment == Attachment::Dialled && !has.is_dialled())
        };
        let everybodys = AdapterName::everybodys(name.id.clone());
        if clashes(name) || (name.owner.is_some() && self.adapters.contains_key(&everybodys)) {
            // A name of everybody's cannot be taken over by one tenant, nor a configured one by whoever dials in, nor one that is
            // attached here by another node's.
            let detail = format!(
                "the name {} is taken by an adapter that serves everybody",
                name.id
            );
            return Err(Fault::new(Code::Sec, detail));
        }
        if self.adapters.contains_key(name) {
            return Ok(());
        }
        let of_owner = self.adapters.keys().filter(|have| have.owner == name.owner);
        if self.adapters.len() >= ADAPTERS_MAX || (name.owner.is_some() && of_owner.count() >= TENANT_MAX) {
            let detail = format!(
                "there are as many adapters as there may be, {ADAPTERS_MAX} in all and {TENANT_MAX} of one tenant; \
                 withdraw one first"
            );
            return Err(Fault::new(Code::Window, detail));
        }
        Ok(())
    }

    /// Takes out who has to give way to `name`: whoever had it, and tenants' own of that id when it is everybody's.
    fn supersede(&mut self, name: &AdapterName) {
        let gives_way = |have: &AdapterName| have.id == name.id && (name.owner.is_none() || have == name);
        let names: Vec<AdapterName> = self
            .adapters
            .keys()
            .filter(|have| gives_way(have))
            .cloned()
            .collect();
        for name in names {
            if let Some(entry) = self.adapters.remove(&name) {
                entry.spec.factory.superseded();
            }
            self.stale.add(name.owner.as_ref());
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
        let name = spec.name();
        let is_dialled = spec.attachment == Attachment::Dialled;
        let elsewhere = spec.attachment.elsewhere();
        self.admit(&name, spec.attachment)?;
        self.supersede(&name);
        let burst = self.watch.burst.filter(|_| is_dialled);
        let live = Arc::new(Live::new(spec.window, burst));
        let (actor, reports) = AdapterActor::launch(
            &spec,
            Arc::clone(&live),
            context.address(),
            self.world.clone(),
            &self.watch,
        );
        self.registrations += 1;
        let endpoint = Arc::new(Endpoint {
            name: name.clone(),
            registration: self.registrations,
            elsewhere,
            // Runs as long as the node does.
            health: arc_swap::ArcSwapOption::from_pointee(
                (spec.attachment == Attachment::Local).then_some(Health::HEALTHY),
            ),
            capability: arc_swap::ArcSwap::new(Arc::clone(&spec.capability)),
            live,
            // What the operator configured needs no probe.
            is_compliant: AtomicBool::new(!is_dialled),
            factory: Arc::clone(&spec.factory),
            cancel_stops_billing: spec.cancel_stops_billing,
            actor,
            series: self.world.meter.adapters.named.of(name.id.as_str()),
            reports,
        });
        info!(adapter = %name.id, owner = name.owner.as_ref().map(tracing::field::display), "adapter registered");
        self.stale.add(name.owner.as_ref());
        self.adapters
            .insert(name, Entry::new(self.world.now(), spec, endpoint));
        match is_dialled || elsewhere.is_some() {
            // It has candidates once it passed its probe, or comes with many others: the next tick is early enough.
            true => self.list(),
            false => self.rebuild(),
        }
        Ok(())
    }
}

impl Handler<Withdraw> for Registry {
    type Result = ();

    fn handle(&mut self, Withdraw(claim): Withdraw, _: &mut Context<Self>) {
        let name = &claim.name;
        if self.adapters.get(name).is_some_and(|entry| entry.is(&claim)) {
            self.adapters.remove(name);
            info!(adapter = %name.id, owner = name.owner.as_ref().map(tracing::field::display), "adapter withdrawn");
            self.stale.add(name.owner.as_ref());
            // Nobody finds it from here on; the tables follow with the next tick.
            self.list();
        }
    }
}

impl Handler<Report> for Registry {
    type Result = ();

    fn handle(&mut self, report: Report, _: &mut Context<Self>) {
        let now = self.world.now();
        let entry = self.adapters.get_mut(&report.claim.name);
        let Some(entry) = entry.filter(|entry| entry.is(&report.claim)) else {
            return;
        };
        entry.last_seen = now;
        if report.health.is_none() && report.models.is_none() && report.is_compliant.is_none() {
            return;
        }
        if let Some(health) = report.health {
            self.world.meter.adapters.health_updates.increment(1);
            entry.liveness = Liveness::Reported { health, at: now };
            entry.endpoint.health.store(Some(Arc::new(health)));
            // An actor that is behind hears the next one.
            let _ = entry.endpoint.actor.try_send(Heard(health.status));
        }
        let mut is_of_interest = report.is_compliant.is_some();
        if let Some(models) = report.models {
            let capability = entry.endpoint.capability.load_full();
            if capability.models != models {
                is_of_interest = true;
                entry.endpoint.capability.store(Arc::new(Capability {
                    models,
                    ..Capability::clone(&capability)
                }));
            }
        }
        if let Some(is_compliant) = report.is_compliant {
            entry.endpoint.is_compliant.store(is_compliant, Ordering::Relaxed);
        }
        self.stale.add(report.claim.name.owner.as_ref());
        if is_of_interest {
            self.changed();
        }
    }
}

impl Handler<LoadPolicy> for Registry {
    type Result = Result<(u64, u64), Vec<atp_routing::policy::Lint>>;

    fn handle(&mut self, LoadPolicy { text, version }: LoadPolicy, _: &mut Context<Self>) -> Self::Result {
        let loaded = match version {
            None => self.policy.load(&text),
            Some(version) => self.policy.follow(version, &text),
        };
        let versions = match loaded? {
            Loaded::Swapped { previous, version } => (version, previous),
            Loaded::Unchanged { version } => (version, version),
        };
        info!(version = versions.0, "policy in force");
        self.stale.add(None);
        self.rebuild();
        Ok(versions)
    }
}

impl Handler<Specs> for Registry {
    type Result = Vec<(AdapterSpec, bool)>;

    fn handle(&mut self, _: Specs, _: &mut Context<Self>) -> Self::Result {
        let specs = self.adapters.values();
        specs
            .map(|entry| (entry.spec(), entry.endpoint.is_compliant()))
            .collect()
    }
}

impl Handler<List> for Registry {
    type Result = Vec<AdapterView>;

    fn handle(&mut self, List(tenant): List, _: &mut Context<Self>) -> Self::Result {
        let fibs = self.snapshots.fibs();
        let known = self
            .adapters
            .iter()
            .filter(|(name, _)| tenant.as_ref().is_none_or(|tenant| name.is_known_to(tenant)));
        known
            .map(|(name, entry)| entry.view(tables::unroutable(&fibs, name)))
            .collect()
    }
}
