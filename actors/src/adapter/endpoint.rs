//! One adapter of the node, as every arbiter shares it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::Addr;
use arc_swap::{ArcSwap, ArcSwapOption};
use atp_protocol::adapter::{Capability, Health};
use atp_protocol::cluster::NodeId;
use atp_protocol::ids::{AdapterId, TenantId};

use super::actor::AdapterActor;
use super::{AdapterFactory, AdapterName, Live, Reports};
use crate::metrics::AdapterSeries;

/// An adapter: what it declared, its condition, how to build an instance of it, and the actor that decides its condition.
pub struct Endpoint {
    /// Whose it is, and what it is called.
    pub name: AdapterName,
    /// Which registration it is; never used again, so that an adapter that joins anew is another one.
    pub(crate) registration: u64,
    /// The other node it is attached to; `None` if it is attached here.
    pub(crate) elsewhere: Option<NodeId>,
    /// What it declared last.
    pub capability: ArcSwap<Capability>,
    /// What was last found of its health, by this node or another.
    pub health: ArcSwapOption<Health>,
    /// Its condition.
    pub live: Arc<Live>,
    /// It passed its compliance probe, or needs none; before, no request is sent to it.
    pub(crate) is_compliant: AtomicBool,
    /// Builds an arbiter's instance.
    pub factory: Arc<dyn AdapterFactory>,
    /// Whether dropping a call stops what it costs.
    pub cancel_stops_billing: bool,
    pub(crate) actor: Addr<AdapterActor>,
    /// Its figures.
    pub(crate) series: Arc<AdapterSeries>,
    /// Where calls to it are reported.
    pub(crate) reports: Reports,
}

impl Endpoint {
    pub(crate) fn is_compliant(&self) -> bool {
        self.is_compliant.load(Ordering::Relaxed)
    }
}

/// All adapters of the node. Replaced whole when one comes or goes.
#[derive(Default)]
pub struct Directory(ArcSwap<Tables>);

#[derive(Default)]
struct Tables {
    everybodys: BTreeMap<AdapterId, Arc<Endpoint>>,
    tenants: BTreeMap<TenantId, BTreeMap<AdapterId, Arc<Endpoint>>>,
    registrations: BTreeSet<u64>,
}

impl Directory {
    /// The adapter that `tenant` knows by this id and may send work to: one of everybody's, or its own. Tables are a moment
    /// behind; an adapter that joined since under the name of another is not to be had before it passed its probe.
    #[must_use]
    pub fn get(&self, tenant: &TenantId, id: &AdapterId) -> Option<Arc<Endpoint>> {
        let tables = self.0.load();
        let own = || tables.tenants.get(tenant)?.get(id);
        let endpoint = tables.everybodys.get(id).or_else(own)?;
        endpoint.is_compliant().then(|| Arc::clone(endpoint))
    }

    /// The adapter of this name.
    pub(crate) fn named(&self, name: &AdapterName) -> Option<Arc<Endpoint>> {
        let tables = self.0.load();
        match &name.owner {
            None => tables.everybodys.get(&name.id).cloned(),
            Some(owner) => tables.tenants.get(owner)?.get(&name.id).cloned(),
        }
    }

    /// The adapters that are attached to this node and may be given work.
    #[must_use]
    pub fn attached(&self) -> Vec<Arc<Endpoint>> {
        let tables = self.0.load();
        let of_tenants = tables.tenants.values().flat_map(BTreeMap::values);
        let all = tables.everybodys.values().chain(of_tenants);
        all.filter(|endpoint| endpoint.elsewhere.is_none() && endpoint.is_compliant())
            .cloned()
            .collect()
    }

    /// Whether a registration is still in force.
    pub(crate) fn holds(&self, registration: u64) -> bool {
        self.0.load().registrations.contains(&registration)
    }

    pub(crate) fn replace(&self, endpoints: impl Iterator<Item = Arc<Endpoint>>) {
        let mut tables = Tables::default();
        for endpoint in endpoints {
            tables.registrations.insert(endpoint.registration);
            let table = match &endpoint.name.owner {
                None => &mut tables.everybodys,
                Some(owner) => tables.tenants.entry(owner.clone()).or_default(),
            };
            table.insert(endpoint.name.id.clone(), endpoint);
        }
        self.0.store(Arc::new(tables));
    }
}
