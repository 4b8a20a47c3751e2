//! Handshakes between members and with everybody else, in memory.

mod directories;
mod forge;
mod handshakes;
mod rotation;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use atp_actors::environment::{Clock, Random};
use atp_protocol::cluster::NodeId;
use atp_protocol::units::UnixMillis;
use rustls::{ClientConfig, ClientConnection, Error, ServerConfig, ServerConnection};
use tempfile::TempDir;

use super::{Authority, Credentials, DirectoryError, Issued, Membership};

const DAY: u64 = 24 * 60 * 60 * 1_000;
const START: u64 = 1_800_000_000_000;

/// A clock that is set by hand.
struct Wall(AtomicU64);

impl Wall {
    fn later(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }
}

impl Clock for Wall {
    fn micros(&self) -> u64 {
        self.unix().0 * 1_000
    }

    fn unix(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::Relaxed))
    }
}

/// Different bits each time.
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, out: &mut [u8]) {
        let next = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        out.iter_mut().zip(next).for_each(|(out, next)| *out = next);
    }
}

/// A cluster made in a directory of the test.
struct Fixture {
    root: TempDir,
    wall: Arc<Wall>,
    random: Counting,
}

impl Fixture {
    fn new() -> Self {
        let fixture = Self {
            root: TempDir::new().unwrap(),
            wall: Arc::new(Wall(AtomicU64::new(START))),
            random: Counting(AtomicU64::new(1)),
        };
        fixture.authority("eu");
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Makes another cluster, in a directory of its name.
    fn authority(&self, name: &str) -> Authority {
        Authority::create(&self.path(name), name, 8, node(1), &self.random).unwrap()
    }

    fn issue(&self, cluster: &str, number: u16, directory: &str) -> Result<Issued, DirectoryError> {
        let authority = Authority::open(&self.path(cluster)).unwrap();
        let member = Membership {
            cluster: authority.cluster().clone(),
            node: node(number),
            address: "10.0.0.1:7444".parse().unwrap(),
        };
        authority.issue(&member, &self.path(directory), self.wall.unix())
    }

    fn read(&self, directory: &str) -> Result<Credentials, DirectoryError> {
        Credentials::read(&self.path(directory), Arc::clone(&self.wall) as Arc<dyn Clock>)
    }

    /// Node `number` of the cluster `eu`.
    fn member(&self, number: u16) -> Credentials {
        let directory = format!("n{number}");
        self.issue("eu", number, &directory).unwrap();
        self.read(&directory).unwrap()
    }
}

fn node(number: u16) -> NodeId {
    NodeId::new(number).unwrap()
}

/// Both ends of a connection in memory.
struct Pair {
    client: ClientConnection,
    server: ServerConnection,
}

/// Shakes hands; the error is that of the side that refused.
fn shake(client: Arc<ClientConfig>, server: Arc<ServerConfig>) -> Result<Pair, Error> {
    let mut client = ClientConnection::new(client, Credentials::server_name()).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    // the flights of a handshake of TLS 1.3 and an alert back
    for _ in 0..4 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        let mut bytes = &bytes[..];
        while !bytes.is_empty() {
            server.read_tls(&mut bytes).unwrap();
            server.process_new_packets()?;
        }
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        let mut bytes = &bytes[..];
        while !bytes.is_empty() {
            client.read_tls(&mut bytes).unwrap();
            client.process_new_packets()?;
        }
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(Pair { client, server })
}
