//! One adapter of the node, as every arbiter shares it.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::Addr;
use arc_swap::ArcSwap;
use atp_protocol::adapter::Capability;
use atp_protocol::ids::AdapterId;

use super::actor::AdapterActor;
use super::{AdapterFactory, Live};

/// An adapter: what it declared, its condition, how to build an instance of it, and the actor that decides its condition.
pub struct Endpoint {
    /// Its name.
    pub id: AdapterId,
    /// What it declared last.
    pub capability: ArcSwap<Capability>,
    /// Its condition.
    pub live: Arc<Live>,
    /// Builds an arbiter's instance.
    pub factory: Arc<dyn AdapterFactory>,
    /// Whether dropping a call stops what it costs.
    pub cancel_stops_billing: bool,
    /// Whether the same call for the same text may be forwarded in the provider's own bytes.
    pub(crate) actor: Addr<AdapterActor>,
}

/// All adapters of the node, by name. Replaced whole when one comes or goes.
#[derive(Default)]
pub struct Directory(ArcSwap<BTreeMap<AdapterId, Arc<Endpoint>>>);

impl Directory {
    /// One adapter.
    #[must_use]
    pub fn get(&self, id: &AdapterId) -> Option<Arc<Endpoint>> {
        self.0.load().get(id).cloned()
    }

    /// All adapters, by name.
    #[must_use]
    pub fn all(&self) -> Arc<BTreeMap<AdapterId, Arc<Endpoint>>> {
        self.0.load_full()
    }

    pub(crate) fn replace(&self, endpoints: BTreeMap<AdapterId, Arc<Endpoint>>) {
        self.0.store(Arc::new(endpoints));
    }
}
