//! Links of several members in one thread, over wires in memory and in paused time.

mod arbiters;
mod calls;
mod handshakes;
mod loss;
mod service;
mod streams;
mod wires;

use std::future::Future;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use atp_actors::environment::Clock;
use atp_actors::metrics::Meter;
use atp_protocol::cluster::NodeId;
use atp_protocol::link::Lane;
use atp_protocol::units::UnixMillis;
use tempfile::TempDir;
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::{Link, LinkSettings, Members, Services};
use crate::environment::{Environment, Network};
use crate::identity::{Authority, Membership, Rotating};
use service::Everything;
use wires::Wires;

/// Long enough for anything that is to happen, in paused time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tokio's clock, which tests may pause.
struct Paused(Instant);

impl Clock for Paused {
    fn micros(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap()
    }

    fn unix(&self) -> UnixMillis {
        UnixMillis(1_800_000_000_000 + self.micros() / 1_000)
    }
}

fn node(number: u16) -> NodeId {
    NodeId::new(number).unwrap()
}

/// Members of the cluster `eu`, each at an address of its own.
struct Cluster {
    root: TempDir,
    wires: Arc<Wires>,
    clock: Arc<dyn Clock>,
    environment: Environment,
}

impl Cluster {
    /// On wires in memory.
    fn new() -> Self {
        let wires = Arc::new(Wires::default());
        let network = Arc::clone(&wires) as Arc<dyn Network>;
        Self::on(network, wires)
    }

    /// On sockets of this machine.
    fn on_loopback() -> Self {
        Self::on(Environment::real(1).network, Arc::default())
    }

    #[expect(clippy::disallowed_methods, reason = "the clock that tests pause")]
    fn on(network: Arc<dyn Network>, wires: Arc<Wires>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(Paused(Instant::now()));
        let environment = Environment {
            network,
            clock: Arc::clone(&clock),
            ..Environment::real(1)
        };
        let cluster = Self {
            root: TempDir::new().unwrap(),
            wires,
            clock,
            environment,
        };
        cluster.authority("eu");
        cluster
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn authority(&self, name: &str) {
        Authority::create(&self.path(name), name, 8, node(1), &*self.environment.random).unwrap();
    }

    fn issue(&self, cluster: &str, number: u16, directory: &str) {
        let authority = Authority::open(&self.path(cluster)).unwrap();
        let member = Membership {
            cluster: authority.cluster().clone(),
            node: node(number),
            address: wires::address(number),
        };
        authority
            .issue(&member, &self.path(directory), self.clock.unix())
            .unwrap();
    }

    fn identity(&self, cluster: &str, number: u16, directory: &str) -> Arc<Rotating> {
        self.issue(cluster, number, directory);
        Arc::new(Rotating::open(&self.path(directory), Arc::clone(&self.clock)).unwrap())
    }

    /// A link that dials `others` and serves nobody.
    fn dialler(&self, identity: Arc<Rotating>, others: &[u16]) -> Link {
        let meter = Arc::new(Meter::new(Arc::new(metrics::NoopRecorder)));
        let link = Link::start(&self.environment, meter, identity, LinkSettings::default());
        link.set_members(members(others));
        link
    }

    /// Member `number`, which serves `services` and dials `others`.
    async fn member(&self, number: u16, others: &[u16], services: Rc<dyn Services>) -> Link {
        let identity = self.identity("eu", number, &format!("n{number}"));
        let link = self.dialler(identity, others);
        self.serve(&link, number, services).await;
        link
    }

    async fn serve(&self, link: &Link, number: u16, services: Rc<dyn Services>) {
        let address = wires::address(number).to_string().parse().unwrap();
        let listener = self.wires.listen(address).await.unwrap();
        let link = link.clone();
        tokio::task::spawn_local(async move { link.accept(listener, services, Vec::new()).await });
    }

    /// Members 1 and 2, connected; what 2 does for 1.
    async fn pair(&self) -> (Link, Link, Rc<Everything>) {
        let everything = Rc::new(Everything::default());
        let two = self
            .member(2, &[1], Rc::clone(&everything) as Rc<dyn Services>)
            .await;
        let one = self.member(1, &[2], Rc::new(Everything::default())).await;
        connected(&one, 2).await;
        (one, two, everything)
    }
}

fn members(numbers: &[u16]) -> Members {
    numbers
        .iter()
        .map(|&number| (node(number), wires::address(number)))
        .collect()
}

/// Waits until something is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "in vain: {what}");
}

async fn connected(link: &Link, to: u16) {
    for lane in Lane::ALL {
        until("connected", || link.is_connected(node(to), lane)).await;
    }
}

/// Runs a test on a thread like an arbiter's.
async fn on_arbiter(test: impl Future<Output = ()>) {
    LocalSet::new().run_until(test).await;
}
