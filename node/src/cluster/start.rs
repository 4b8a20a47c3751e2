//! Starts what a node is in its cluster, on a thread of its own: no request waits for an election, and no election for requests.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use atp_actors::environment::{Clock, Random};
use atp_actors::exec::Exec;
use atp_actors::metrics::Meter;
use atp_consensus::config::Options;
use atp_consensus::journal::Tick;
use atp_consensus::runtime;
use atp_consensus::transport::Transport;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::warn;

use super::bulk::Bulk;
use super::open::{Ground, claim_store};
use super::services::Control;
use super::transport::{Nobody, OverLink};
use super::{Cluster, ClusterError, Place, alone, figures, leaders, members, reconcile, rotation, ticks};
use crate::config::{ClusterConfig, Config};
use crate::environment::{Environment, Listener};
use crate::identity::Rotating;
use crate::link::{Arrival, Link, LinkSettings};
use crate::log_io::LogThread;
use crate::server::Arbiters;

/// How long a stream that nobody writes to is kept (atp.md 13.4, `session_ttl_ms`).
const SESSION_TTL_MS: u64 = 3_600_000;

/// How long a stopping node waits for what its groups write.
const STOPPING_MAX: Duration = Duration::from_secs(5);

/// What runs.
pub(crate) struct Running {
    pub(crate) cluster: Cluster,
    /// Told when `meta` changed.
    pub(crate) changes: watch::Receiver<u64>,
    /// Why a group stopped.
    failed: watch::Receiver<Option<String>>,
    /// Where it runs.
    pub(crate) exec: Exec,
    thread: Option<Arbiters>,
    log: LogThread,
}

/// What a node takes with it into its cluster.
struct Luggage {
    place: Place,
    ground: Ground,
    options: Options,
    tick: Tick,
    meter: Arc<Meter>,
    clock: Arc<dyn Clock>,
    /// Its way to the others; `None` for a node by itself.
    door: Option<Door>,
}

struct Door {
    environment: Environment,
    meter: Arc<Meter>,
    identity: Arc<Rotating>,
    listener: Box<dyn Listener>,
    /// Where request lanes are served.
    arbiters: Vec<mpsc::Sender<Arrival>>,
}

/// Starts the groups of a node, and its link if it has a cluster directory. `arbiters` serve what others relay.
///
/// # Errors
/// [`ClusterError`].
pub(crate) async fn start(
    config: &Config,
    environment: &Environment,
    meter: &Arc<Meter>,
    arbiters: Vec<mpsc::Sender<Arrival>>,
) -> Result<Running, ClusterError> {
    let (place, member, door) = match &config.cluster.dir {
        None => (alone::place(&config.node.name), None, None),
        Some(dir) => {
            let identity = Rotating::open(dir, Arc::clone(&environment.clock))?;
            let membership = identity.current().membership().clone();
            let (place, member) = (Place::of(&membership, &config.node.name), membership.name());
            let door = Door {
                environment: environment.clone(),
                meter: Arc::clone(meter),
                identity: Arc::new(identity),
                listener: listen(environment, config.cluster.listen).await?,
                arbiters,
            };
            (place, Some(member), Some(door))
        }
    };
    let (store, writer, snapshots) = claim_store(&config.node.data_dir, &place, member)?;
    let log = LogThread::start(writer).map_err(system("start a thread"))?;
    let ground = Ground {
        store,
        snapshots,
        log_io: log.log_io(),
        blocking: Arc::new(Bulk::start().map_err(system("start a thread"))?),
        clock: Arc::clone(&environment.clock),
    };
    let (thread, exec) = match environment.arbiters {
        None => (None, Exec::Local),
        Some(_) => {
            let (thread, exec) = Arbiters::start("cluster", 1).map_err(system("start a thread"))?;
            (Some(thread), exec)
        }
    };
    let luggage = Luggage {
        place,
        ground,
        options: options(&config.cluster),
        tick: Tick {
            session_ttl_ms: SESSION_TTL_MS,
        },
        meter: Arc::clone(meter),
        clock: Arc::clone(&environment.clock),
        door,
    };
    let seed = seed(&*environment.random);
    let opening = exec.run(0, move || {
        runtime::seed_thread(seed);
        let (reply, opened) = oneshot::channel();
        tokio::task::spawn_local(async move {
            // A caller that gave up needs no answer.
            let _ = reply.send(enter(luggage).await);
        });
        opened
    });
    let opened = opening.await.map_err(|_| ClusterError::Ended)?;
    let (cluster, changes, failed) = opened.await.map_err(|_| ClusterError::Ended)??;
    Ok(Running {
        cluster,
        changes,
        failed,
        exec,
        thread,
        log,
    })
}

/// The cluster, what tells of changes to `meta`, and what of groups that stopped.
type Entered = (Cluster, watch::Receiver<u64>, watch::Receiver<Option<String>>);

/// Opens the groups and the link on the calling thread, and keeps both going.
async fn enter(luggage: Luggage) -> Result<Entered, ClusterError> {
    let Luggage {
        place,
        ground,
        options,
        tick,
        meter,
        clock,
        door,
    } = luggage;
    let link = door.as_ref().map(|door| {
        let settings = LinkSettings::default();
        Link::start(
            &door.environment,
            Arc::clone(&door.meter),
            Arc::clone(&door.identity),
            settings,
        )
    });
    let transport: Arc<dyn Transport> = match &link {
        None => Arc::new(Nobody),
        Some(link) => Arc::new(OverLink(link.clone())),
    };
    let (cluster, changes) = Cluster::open(place, ground, transport, options, link.clone()).await?;
    let failed = watch::Sender::new(None);
    for (group, status) in cluster.watches() {
        let owners = Arc::clone(&cluster.owners);
        tokio::task::spawn_local(leaders::watch_over(group, status.clone(), failed.clone()));
        tokio::task::spawn_local(leaders::follow(group, status, owners));
    }
    tokio::task::spawn_local(figures::keep(cluster.groups.clone(), Arc::clone(&meter)));
    tokio::task::spawn_local(ticks::keep(
        Arc::clone(&cluster.journals),
        tick,
        Arc::clone(&clock),
    ));
    if let (Some(link), Some(door)) = (link, door) {
        cluster.gossip(link.clone(), clock, &meter).await;
        let services = Rc::new(Control(cluster.clone()));
        tokio::task::spawn_local(rotation::keep(door.identity, door.meter));
        tokio::task::spawn_local(reconcile::keep(cluster.clone(), changes.clone()));
        tokio::task::spawn_local(members::keep(cluster.clone(), link.clone(), changes.clone()));
        tokio::task::spawn_local(async move { link.accept(door.listener, services, door.arbiters).await });
    }
    Ok((cluster, changes, failed.subscribe()))
}

async fn listen(environment: &Environment, addr: SocketAddr) -> Result<Box<dyn Listener>, ClusterError> {
    let listening = environment.network.listen(addr).await;
    listening.map_err(|source| ClusterError::Listen { addr, source })
}

fn options(config: &ClusterConfig) -> Options {
    Options {
        heartbeat: Duration::from_millis(config.heartbeat_ms),
        election_min: Duration::from_millis(config.election_ms),
        election_max: Duration::from_millis(config.election_ms.saturating_mul(2)),
        ..Options::default()
    }
}

fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> ClusterError {
    move |source| ClusterError::System { what, source }
}

fn seed(random: &dyn Random) -> u64 {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

impl Running {
    /// Why the node must stop, once that is so: it can no longer keep what it would promise, or not read what its cluster agrees on.
    pub(crate) fn ended(&self) -> impl Future<Output = String> + 'static {
        let (disk, group) = (why(self.log.ended()), why(self.failed.clone()));
        async move {
            tokio::select! {
                biased;
                why = disk => why,
                why = group => why,
            }
        }
    }

    /// Stops the link and the groups, and ends their thread.
    pub(crate) async fn stop(self) {
        if let Some(link) = &self.cluster.link {
            link.stop().await;
        }
        if !self.cluster.groups.stop(STOPPING_MAX).await {
            warn!("the disk does not answer; what was not acknowledged may be lost");
        }
        drop(self.cluster);
        drop(self.exec);
        if let Some(thread) = self.thread {
            thread.stop();
        }
        self.log.stop(STOPPING_MAX);
    }
}

/// The reason that is told, once one is.
async fn why(mut told: watch::Receiver<Option<String>>) -> String {
    match told.wait_for(Option::is_some).await {
        Ok(why) => why.clone().expect("waited for"),
        // It was stopped in order.
        Err(_) => std::future::pending().await,
    }
}
