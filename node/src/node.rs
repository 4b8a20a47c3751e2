//! Starts a node: recovers its journals, starts its actors, attaches its adapters, serves its sockets.

mod stop;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use atp_actors::environment::{Clock, World};
use atp_actors::exec::{Ended, Exec};
use atp_actors::persona;
use atp_actors::registry::Registry;
use atp_actors::session::{Router, Shared};
use atp_protocol::error::Fault;
use atp_protocol::flow::Rate;
use atp_protocol::ids::{AccountId, TenantId};
use atp_routing::policy::{Lint, PolicySet, PolicyStore};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::{mpsc, watch};

use crate::adapters;
use crate::audit::Auditor;
use crate::auth::{FrameCheck, KeyTable};
use crate::claims;
use crate::cluster::{self, ClusterError, FromGossip, Running};
use crate::config::{Config, ConfigError};
use crate::decisions;
use crate::environment::{ByteStream, Environment};
use crate::failover::Failover;
use crate::home;
use crate::joining::Joining;
use crate::journal::StoreError;
use crate::link::Link;
use crate::live::Live;
use crate::meta::{Earlier, Meta};
use crate::money;
use crate::relay::{Arrival, Relay, Relayed, Served, Work};
use crate::remote::{self, Lanes};
use crate::secret::Secret;
use crate::server::{Acceptor, Arbiters, HttpTimes, TlsError, serve, server_config, service};
use crate::settings;
use crate::surfaces::Surface;
use crate::telemetry::Exposition;
use crate::teller::teller;

/// Connections waiting for their arbiter to take them.
const HANDOVER_MAX: usize = 64;

/// How often distributions are folded.
const UPKEEP: Duration = Duration::from_secs(5);

/// Longest that others take over what this node leads before it refuses work.
const HANDING_OVER: Duration = Duration::from_secs(5);

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The journals cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A socket or thread was refused.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The policy document has errors.
    #[error("the policy document has errors:\n{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Policy(Vec<Lint>),
    /// A configured account was refused.
    #[error("account {id}: {fault}")]
    Account {
        /// Which.
        id: String,
        /// Why.
        fault: Fault,
    },
    /// An adapter cannot be attached.
    #[error("provider {id}: {message}")]
    Adapter {
        /// Which.
        id: String,
        /// Why.
        message: String,
    },
    /// The groups cannot be opened.
    #[error(transparent)]
    Groups(#[from] ClusterError),
    /// The cluster did not agree to what a start needs.
    #[error("{0}")]
    Cluster(Fault),
    /// An arbiter ended while starting.
    #[error(transparent)]
    Ended(#[from] Ended),
}

impl StartError {
    fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::System {
            what: what.into(),
            source,
        }
    }
}

/// A node.
pub struct Node;

/// A running node. Dropping it without [`Self::stop`] leaves its threads to the process.
pub struct NodeHandle {
    /// Where clients connect.
    pub api: SocketAddr,
    /// Keys, policy, accounts.
    pub meta: Arc<Meta>,
    /// Nobody connects any more.
    closing: watch::Sender<bool>,
    /// Connections close after the reply they are at.
    stop: watch::Sender<bool>,
    arbiters: Option<Arbiters>,
    exec: Exec,
    drain: Duration,
    settling: Duration,
    shared: Arc<Shared>,
    decisions: Arc<decisions::Queue>,
    auditor: Auditor,
    running: Running,
}

impl Node {
    /// Starts a node. `admin` overrides the configured admin key.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then but threads that end by themselves.
    pub async fn start(
        config: Config,
        environment: Environment,
        exposition: Arc<Exposition>,
        admin: Option<Secret>,
    ) -> Result<NodeHandle, StartError> {
        let (clock, meter) = (Arc::clone(&environment.clock), Arc::clone(&exposition.meter));
        let config = Arc::new(config);
        let auditor = Auditor::start(&config, clock, meter)?;
        let world = World {
            audit: auditor.audit(),
            clock: Arc::clone(&environment.clock),
            random: Arc::clone(&environment.random),
            meter: Arc::clone(&exposition.meter),
            traces: Arc::clone(&environment.traces),
        };
        let money = money::Recovered::open(&config)?;
        let earlier = Earlier::read(&config.node.data_dir)?;
        let keys = keys(&config, admin)?;
        let policy = policy(&config)?;
        let tls = config.tls.as_ref().map(server_config).transpose()?;
        let listen = config.node.listen;
        let listener = environment
            .network
            .listen(listen)
            .await
            .map_err(StartError::system(format!(
                "listen on {listen}; is another node running?"
            )))?;
        let api = listener
            .local_addr()
            .map_err(StartError::system("read the listening address"))?;

        let (arbiters, exec) = match environment.arbiters {
            None => (None, Exec::Local),
            Some(count) => {
                let (arbiters, exec) =
                    Arbiters::start("arbiter", count).map_err(StartError::system("start a thread"))?;
                (Some(arbiters), exec)
            }
        };
        let (relayed, arrivals): (Vec<_>, Vec<_>) =
            (0..exec.len()).map(|_| mpsc::channel(HANDOVER_MAX)).unzip();
        let running = cluster::start(&config, &environment, &exposition.meter, relayed).await?;
        let cluster = running.cluster.clone();
        let money = money.start(&config, &cluster, &exec, &world).await?;
        let ledger = money.ledger;
        let origins = Arc::new(adapters::origins(&config));
        let hearsay = FromGossip {
            cluster: cluster.clone(),
            origins: Arc::clone(&origins),
        };
        let (registry_world, watch) = (world.clone(), settings::watch(&config, Arc::new(hearsay)));
        let registry = exec
            .run(0, move || Registry::launch(policy, watch, registry_world))
            .await?;
        adapters::attach(&config, &registry, &world).await?;

        let live = Arc::new(Live::new(Arc::clone(&config), &environment));
        let meta = Arc::new(Meta::new(
            cluster.clone(),
            keys,
            configured_accounts(&config),
            Arc::clone(&live),
            (ledger.clone(), registry.clone()),
            world.clone(),
        ));
        let joining = Joining {
            config: Arc::clone(&config),
            meta: Arc::clone(&meta),
            earlier,
            accounts: money.earlier,
            home: money.home,
        };
        match cluster.place.is_alone {
            true => joining.settle_in().await?,
            // There may be no quorum for a long time.
            false => drop(tokio::task::spawn_local(joining.settle_in_some_time())),
        }
        tokio::task::spawn_local(cluster.clone().introduce(format!("http://{api}")));
        tokio::task::spawn_local(home::gauges::keep(cluster.clone(), world.clone()));
        tokio::task::spawn_local(Arc::clone(&meta).keep_up(running.changes.clone()));
        let handing_over = HANDING_OVER.min(Duration::from_millis(config.node.drain_timeout_ms));
        tokio::task::spawn_local(Arc::clone(&meta).keep_drained(running.changes.clone(), handing_over));
        let lanes = cluster.link.clone().map(Lanes::new).map(Arc::new);
        if let (Some(link), Some(lanes)) = (&cluster.link, &lanes) {
            let (meta, link, lanes) = (Arc::clone(&meta), link.clone(), Arc::clone(lanes));
            tokio::task::spawn_local(remote::publish(Arc::clone(&meta), running.changes.clone()));
            tokio::task::spawn_local(remote::follow(meta, link, lanes, running.changes.clone()));
        }
        let frames = Arc::new(frame_check(&config)?);
        let (stop, stopping) = watch::channel(false);
        let decisions = decisions::Queue::start(cluster.clone(), Arc::clone(&world.meter));
        let surface_settings = Arc::new(settings::surface(&config, &live));
        let router_settings = Arc::new(settings::router(&config, exec.len(), &live));
        let shared = Arc::new(Shared::new(
            settings::shared(&config),
            Arc::clone(&cluster.owners),
            Arc::new(cluster.clone()),
            auditor.audit(),
            Arc::clone(&decisions) as _,
        ));
        tokio::task::spawn_local(claims::keep(cluster.clone(), Arc::clone(&shared)));
        cluster.tells(teller(&meta, &shared.load, origins, config.sched.max_concurrent));
        let times = HttpTimes {
            head: Duration::from_millis(config.limits.read_timeout_ms),
            keep_alive: Duration::from_secs(75),
            write_stall: Duration::from_millis(config.limits.write_stall_ms),
        };
        let mut handovers = Vec::with_capacity(exec.len());
        for (shard, arrivals) in arrivals.into_iter().enumerate() {
            let (sender, connections) = mpsc::channel(HANDOVER_MAX);
            handovers.push(sender);
            let (world, meta, exposition) = (world.clone(), Arc::clone(&meta), Arc::clone(&exposition));
            let (settings, tls, ledger) = (Arc::clone(&surface_settings), tls.clone(), ledger.clone());
            let (router_settings, shared) = (Arc::clone(&router_settings), Arc::clone(&shared));
            let frames = Arc::clone(&frames);
            let personas = Arc::downgrade(&registry.personas);
            let (share, stop) = ((shard, exec.len()), stopping.clone());
            let (cluster, lanes) = (cluster.clone(), lanes.clone());
            exec.run(shard, move || {
                tokio::task::spawn_local(persona::keep(personas, world.clone(), share));
                let router = Router::new(
                    world.clone(),
                    meta.registry.clone(),
                    ledger,
                    router_settings,
                    shared,
                );
                // Each arbiter relays over a lane of its own.
                let link = cluster.link.as_ref().map(Link::on_this_thread);
                let relay = link.as_ref().map(|link| {
                    let (owners, whole) = (Arc::clone(&cluster.owners), cluster.clone());
                    let runs = move |tenant: &TenantId, work: Work<'_>| match work {
                        Work::Stream(stream, session) => whole.runs(tenant, stream, session),
                        Work::Request(key) => whole.runs_under(tenant, key),
                    };
                    let (load, meta) = (Arc::clone(&router.shared.load), Arc::clone(&meta));
                    let is_draining = Box::new(move || meta.is_draining());
                    let dial = Box::new(link.clone());
                    Rc::new(Relay::new(owners, dial, Box::new(runs), load, is_draining))
                });
                let failover = Failover {
                    cluster: cluster.clone(),
                    router: Rc::clone(&router),
                    share,
                };
                tokio::task::spawn_local(failover.keep());
                if let (Some(link), Some(lanes)) = (&link, &lanes) {
                    lanes.add_this_thread(link.clone());
                }
                let surface = Surface {
                    world,
                    router,
                    meta,
                    exposition,
                    settings,
                    frames,
                    relay,
                    arrival: Arrival::Direct,
                };
                tokio::task::spawn_local(async move {
                    let relayed = Surface {
                        arrival: Arrival::Relayed,
                        ..surface.clone()
                    };
                    let adapters = attached(&surface);
                    let direct = service(Rc::new(surface), times, stop.clone()).await;
                    if let Some(link) = link {
                        let http = service(Rc::new(relayed), times, stop.clone()).await;
                        let relayed = Rc::new(Relayed::new(Served { http, adapters }));
                        tokio::task::spawn_local(Rc::clone(&relayed).close_at(stop));
                        tokio::task::spawn_local(async move { link.host(arrivals, relayed).await });
                    }
                    serve(direct, connections, tls, times).await;
                });
            })
            .await?;
        }
        let acceptor = Acceptor {
            listener,
            arbiters: handovers,
            max_connections: config.limits.max_connections,
        };
        let (closing, closes) = watch::channel(false);
        tokio::task::spawn_local(acceptor.run(closes));
        tokio::task::spawn_local(upkeep(exposition, Arc::clone(&environment.clock), stopping));
        let drain = Duration::from_millis(config.node.drain_timeout_ms);
        let settling = stop::SETTLING + Duration::from_millis(config.budget.drain_ms);
        Ok(NodeHandle {
            api,
            meta,
            closing,
            stop,
            arbiters,
            exec,
            drain,
            settling,
            shared,
            decisions,
            auditor,
            running,
        })
    }
}

/// Serves the adapters that are attached here to other nodes.
fn attached(surface: &Surface) -> Box<dyn Fn(Box<dyn ByteStream>) -> LocalBoxFuture<'static, ()>> {
    let (router, meta) = (Rc::clone(&surface.router), Arc::clone(&surface.meta));
    Box::new(move |stream| remote::serve(Rc::clone(&router), meta.is_draining(), stream).boxed_local())
}

fn keys(config: &Config, admin: Option<Secret>) -> Result<KeyTable, ConfigError> {
    let configured = config
        .auth
        .admin_key
        .as_ref()
        .map(|key| key.resolve(&crate::config::process_env))
        .transpose()?;
    let mut keys = KeyTable::new(
        admin.or(configured).as_ref(),
        Rate::written(config.auth.rate_per_s, config.auth.rate_burst),
    );
    for key in &config.auth.keys {
        let tenant = TenantId::new(config.root(&key.account)).expect("checked with the configuration");
        let account = AccountId::new(&key.account).expect("checked with the configuration");
        let secret = key.key.resolve(&crate::config::process_env)?;
        keys.insert_configured(&secret, tenant, account, key.may_declare_agents);
    }
    if !config.auth.required {
        keys.admit_anyone();
    }
    Ok(keys)
}

/// What `POST /v1/verify_frame` goes by.
fn frame_check(config: &Config) -> Result<FrameCheck, ConfigError> {
    let key = config.auth.frame_key.as_ref();
    let key = key
        .map(|key| key.resolve(&crate::config::process_env))
        .transpose()?;
    FrameCheck::new(config.compat.verify_frame, key.as_ref())
        .map_err(|weak| ConfigError::invalid("auth.frame_key", weak.to_string()))
}

/// What is in force until the cluster has agreed on a document: the file, else the built-in one.
fn policy(config: &Config) -> Result<PolicyStore, StartError> {
    let Some(path) = &config.policy.file else {
        return Ok(PolicyStore::default());
    };
    let text = std::fs::read_to_string(path).map_err(StartError::system(format!(
        "read the policy document {}",
        path.display()
    )))?;
    Ok(PolicyStore::new(
        PolicySet::parse(&text).map_err(StartError::Policy)?,
    ))
}

fn configured_accounts(config: &Config) -> BTreeSet<AccountId> {
    let ids = config.accounts.iter().map(|account| &account.id);
    ids.map(|id| AccountId::new(id).expect("checked with the configuration"))
        .collect()
}

async fn upkeep(exposition: Arc<Exposition>, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(UPKEEP) => exposition.upkeep(clock.now()),
        }
    }
}
