//! An arbiter's way in.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use actix::Actor;
use arc_swap::ArcSwap;
use atp_protocol::error::{Code, Fault};
use atp_protocol::estimate::Price;
use atp_protocol::request::AgentRequest;
use atp_routing::scheduler;
use tokio::sync::oneshot;

use super::actor::{Open, Session};
use super::{Decisions, Opened, Shared, repeat};
use crate::adapter::{Adapter, Endpoint};
use crate::environment::World;
use crate::ledger::LedgerHandle;
use crate::registry::RegistryHandle;
use crate::scheduler::{Congestion, SchedulerHandle};

/// How requests are treated, from the configuration.
#[derive(Debug, Clone)]
pub struct RouterSettings {
    /// This node's region.
    pub region: Arc<str>,
    /// After a client left, an upstream that bills on is read for its usage at most so many milliseconds.
    pub drain_ms: u64,
    /// And at most so many bytes.
    pub drain_bytes: u64,
    /// The operator's prices, by model or adapter.
    pub prices: Arc<BTreeMap<String, Price>>,
    /// Slots and queues of one arbiter.
    pub scheduler: scheduler::Settings,
    /// A client that takes nothing for so many milliseconds has left.
    pub write_stall_ms: u64,
    /// How long adapters that estimate are waited for before the plan of a request is settled, in milliseconds; 0 asks none.
    pub estimate_ms: u64,
    /// How long adapters may be silent; it may change while the node runs.
    pub timeouts: Arc<ArcSwap<Timeouts>>,
}

/// How long an adapter may be silent before it has failed, in milliseconds. A request keeps what it began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Before the first piece of a streamed answer.
    pub first_chunk_ms: u64,
    /// Between two pieces.
    pub idle_ms: u64,
}

impl RouterSettings {
    /// How long a request waits for a turn at an agent that is called only so often, in milliseconds: as long as for a slot.
    pub(super) fn turn_max_ms(&self, request: &AgentRequest) -> u64 {
        let tier = &self.scheduler.tiers[request.tier.index()];
        tier.queue_timeout_ms.min(request.deadline_ms)
    }
}

/// Opens requests on one arbiter.
pub struct Router {
    pub(crate) world: World,
    pub(crate) registry: RegistryHandle,
    pub(super) ledger: LedgerHandle,
    /// How requests are treated.
    pub settings: Arc<RouterSettings>,
    pub(super) scheduler: SchedulerHandle,
    /// What it shares with the routers of other arbiters.
    pub shared: Arc<Shared>,
    /// Decisions of recent requests.
    pub decisions: Arc<Decisions>,
    /// This arbiter's instances, by registration.
    adapters: RefCell<BTreeMap<u64, Rc<dyn Adapter>>>,
}

impl Router {
    /// The router of the calling arbiter.
    #[must_use]
    pub fn new(
        world: World,
        registry: RegistryHandle,
        ledger: LedgerHandle,
        settings: Arc<RouterSettings>,
        shared: Arc<Shared>,
    ) -> Rc<Self> {
        let scheduler = SchedulerHandle::start(settings.scheduler, world.clone());
        let adapters = RefCell::new(BTreeMap::new());
        Rc::new(Self {
            world,
            registry,
            ledger,
            settings,
            scheduler,
            decisions: Arc::clone(&shared.decisions),
            shared,
            adapters,
        })
    }

    /// Admits a request and starts its lanes, or answers it from the one before under the same idempotency key.
    ///
    /// # Errors
    /// Everything that keeps it from starting: no route, no budget, no slot; `EIDEM` for a key used for something else.
    pub async fn open(self: &Rc<Self>, request: AgentRequest) -> Result<Opened, Fault> {
        self.world.meter.requests.accepted();
        match request.meta.idempotency_key {
            Some(_) => repeat::open(self, request).await,
            None => self.start(request).await,
        }
    }

    pub(super) async fn start(self: &Rc<Self>, request: AgentRequest) -> Result<Opened, Fault> {
        let session = Session::new(Rc::clone(self)).start();
        let lost = |_| {
            Fault::new(
                Code::Internal,
                "the request was lost to an internal failure; retry it",
            )
        };
        // Dropped with this future: a caller that stops waiting leaves the queue.
        let (_stays, left) = oneshot::channel();
        let request = Arc::new(request);
        session.send(Open { request, left }).await.map_err(lost)?
    }

    /// Whether this arbiter's queues are slow.
    pub(crate) fn congestion(&self) -> &Congestion {
        &self.scheduler.congestion
    }

    /// This arbiter's instance of an adapter; a new one when it joined anew.
    pub(super) fn adapter(&self, endpoint: &Endpoint) -> Rc<dyn Adapter> {
        let mut adapters = self.adapters.borrow_mut();
        if let Some(adapter) = adapters.get(&endpoint.registration) {
            return Rc::clone(adapter);
        }
        let adapter = endpoint.factory.build();
        adapters.insert(endpoint.registration, Rc::clone(&adapter));
        // Instances of adapters that left go with the next one that comes.
        adapters.retain(|registration, _| self.registry.directory.holds(*registration));
        adapter
    }
}
