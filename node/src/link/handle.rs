//! The handle by which the rest of a node talks to other members.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use atp_actors::environment::{Clock, Random};
use atp_actors::metrics::Meter;
use atp_protocol::cluster::NodeId;
use atp_protocol::link::{Lane, Service};
use bytes::Bytes;
use tokio::sync::{Semaphore, watch};

use super::accept::HANDSHAKES_MAX;
use super::connection::Connection;
use super::table::Table;
use super::{Duplex, LaneStatus, LinkError, dial};
use crate::environment::{Environment, Network};
use crate::identity::{Address, Rotating};

/// Where members are. This node may be among them and is passed over.
pub type Members = BTreeMap<NodeId, Address>;

/// How long a stopping link waits for what still runs.
const LEAVING_MAX: Duration = Duration::from_secs(5);

/// Times of a link.
#[derive(Debug, Clone, Copy)]
pub struct LinkSettings {
    /// A connection on which nothing was heard for so long is closed; pings go out at a third of it.
    pub silence: Duration,
    /// Longest way from dialling to hello, on both sides.
    pub handshake: Duration,
    /// First and longest wait between attempts to dial.
    pub backoff: (Duration, Duration),
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(3),
            handshake: Duration::from_secs(3),
            backoff: (Duration::from_millis(50), Duration::from_secs(2)),
        }
    }
}

/// Talks to other members. Cheap to clone, usable from any thread; calls cost least on the thread that made it.
#[derive(Clone)]
pub struct Link {
    pub(super) shared: Arc<Shared>,
    control: Arc<Table>,
    requests: Arc<Table>,
    bulk: Arc<Table>,
}

pub(super) struct Shared {
    pub(super) node: NodeId,
    pub(super) identity: Arc<Rotating>,
    pub(super) network: Arc<dyn Network>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) meter: Arc<Meter>,
    pub(super) settings: LinkSettings,
    pub(super) members: watch::Sender<Arc<Members>>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) handshakes: Arc<Semaphore>,
    tables: Mutex<Vec<Weak<Table>>>,
}

impl Link {
    /// Starts a link without members. On a thread with a `LocalSet`, which runs the control and bulk lanes from then on.
    #[must_use]
    pub fn start(
        environment: &Environment,
        meter: Arc<Meter>,
        identity: Arc<Rotating>,
        settings: LinkSettings,
    ) -> Self {
        let shared = Arc::new(Shared {
            node: identity.current().membership().node,
            identity,
            network: Arc::clone(&environment.network),
            clock: Arc::clone(&environment.clock),
            random: Arc::clone(&environment.random),
            meter,
            settings,
            members: watch::Sender::default(),
            stop: watch::Sender::default(),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
            tables: Mutex::default(),
        });
        let [control, requests, bulk] = Lane::ALL.map(|lane| shared.dialled(lane));
        Self {
            shared,
            control,
            requests,
            bulk,
        }
    }

    /// The same link with a request lane of the calling thread, which needs a `LocalSet`.
    #[must_use]
    pub fn on_this_thread(&self) -> Self {
        Self {
            requests: self.shared.dialled(Lane::Requests),
            ..self.clone()
        }
    }

    /// This node.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.shared.node
    }

    /// Says who the members are and where. Connections to those who stay are kept, also if their address changed; those to others
    /// are closed.
    pub fn set_members(&self, members: Members) {
        self.shared.members.send_replace(Arc::new(members));
    }

    /// Asks `to`. `body` is at most [`BODY_MAX`](atp_protocol::link::BODY_MAX) long; the other side is told how much of `deadline` is left.
    /// Dropping the future tells it to stop.
    ///
    /// # Errors
    /// [`LinkError`], by what to do next.
    pub async fn call(
        &self,
        to: NodeId,
        lane: Lane,
        service: Service,
        body: impl AsRef<[u8]>,
        deadline: Duration,
    ) -> Result<Bytes, LinkError> {
        let connection = self.connection(to, lane)?;
        connection.call(service, body.as_ref(), deadline).await
    }

    /// Opens a stream to `to`; `body` says what it is about. Whether it is taken shows in what comes back.
    ///
    /// # Errors
    /// [`LinkError`], by what to do next.
    pub async fn open(
        &self,
        to: NodeId,
        lane: Lane,
        service: Service,
        body: impl AsRef<[u8]>,
    ) -> Result<Duplex, LinkError> {
        let connection = self.connection(to, lane)?;
        connection.open(service, body.as_ref()).await
    }

    /// There is a connection to `to` on `lane`.
    #[must_use]
    pub fn is_connected(&self, to: NodeId, lane: Lane) -> bool {
        self.connection(to, lane).is_ok()
    }

    /// How each dialled lane to each member stands, on all threads, by member.
    #[must_use]
    pub fn status(&self) -> Vec<LaneStatus> {
        let members = Arc::clone(&self.shared.members.borrow());
        let others = members.keys().filter(|member| **member != self.shared.node);
        let tables = self.shared.tables();
        others
            .flat_map(|member| tables.iter().map(|table| LaneStatus::of(table, *member)))
            .collect()
    }

    /// Whole days until this node's certificate ends.
    #[must_use]
    pub fn certificate_days_left(&self) -> u64 {
        self.shared.identity.current().days_left()
    }

    /// Takes nothing more, says goodbye to all, and waits for what runs, at most five seconds.
    pub async fn stop(&self) {
        self.shared.stop.send_replace(true);
        // What takes longer ends with its thread.
        let _ = tokio::time::timeout(LEAVING_MAX, self.shared.stop.closed()).await;
    }

    fn connection(&self, to: NodeId, lane: Lane) -> Result<Arc<Connection>, LinkError> {
        let table = match lane {
            Lane::Control => &self.control,
            Lane::Requests => &self.requests,
            Lane::Bulk => &self.bulk,
        };
        table.get(to).ok_or(LinkError::Unreachable)
    }
}

impl Shared {
    /// A lane that is dialled from this thread.
    fn dialled(self: &Arc<Self>, lane: Lane) -> Arc<Table> {
        let table = Table::new(lane);
        let tables = &mut *self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.retain(|table| table.strong_count() > 0);
        tables.push(Arc::downgrade(&table));
        tokio::task::spawn_local(dial::keep(Arc::clone(self), Arc::downgrade(&table)));
        table
    }

    fn tables(&self) -> Vec<Arc<Table>> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.iter().filter_map(Weak::upgrade).collect()
    }
}
