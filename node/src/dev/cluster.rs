//! `atp-node dev --nodes N`: a cluster of nodes in one process, each with a directory of its own.
//!
//! Below the data directory: `authority`, and for each node `node-N` with its data and `node-N/identity` with its certificate. A cluster
//! that is started again has the same members at the same addresses of the link; those of the API may be others.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use atp_protocol::cluster::NodeId;
use atp_protocol::error::{Code, Fault};

use crate::config::{Config, DevOptions};
use crate::environment::Environment;
use crate::identity::{Authority, DirectoryError, Membership};
use crate::node::NodeHandle;

/// Nodes of one cluster.
pub const NODES_MAX: u16 = 7;

/// Journal groups.
const JOURNALS: u16 = 8;

/// How long nodes of one process may take to find each other.
const FORMING: Duration = Duration::from_secs(60);

/// Why there is no cluster in a directory.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The authority, or what it issued, cannot be used.
    #[error(transparent)]
    Identity(#[from] DirectoryError),
    /// No port is free.
    #[error("no port is free on loopback")]
    Port(#[from] io::Error),
}

/// The configurations of nodes 1 to `nodes` of a cluster in `options.data_dir`, each with a certificate. The first has the port of
/// `options`, the others any.
///
/// # Errors
/// [`ClusterError`].
pub fn configs(
    options: &DevOptions,
    nodes: u16,
    environment: &Environment,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Config>, ClusterError> {
    let authority = authority(&options.data_dir.join("authority"), environment)?;
    // All are bound before one is let go, so that they differ.
    let bound = (0..nodes).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let bound = bound.collect::<io::Result<Vec<_>>>()?;
    let free = bound.iter().map(TcpListener::local_addr);
    let free = free.collect::<io::Result<Vec<_>>>()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let config = |(number, free): (u16, SocketAddr)| {
        let root = options.data_dir.join(format!("node-{number}"));
        let identity = root.join("identity");
        let link = link(&identity)?.unwrap_or(free);
        let member = Membership {
            cluster: authority.cluster().clone(),
            node: NodeId::new(number).expect("counted from 1"),
            address: link.to_string().parse().expect("an address and a port"),
        };
        authority.issue(&member, &identity, environment.clock.unix())?;
        let options = DevOptions {
            port: if number == 1 { options.port } else { 0 },
            data_dir: root,
        };
        let mut config = Config::dev(&options, env);
        config.node.name = format!("dev-{number}");
        config.node.workers = (cores / usize::from(nodes)).max(1);
        config.cluster.dir = Some(identity);
        config.cluster.listen = link;
        Ok(config)
    };
    (1..=nodes).zip(free).map(config).collect()
}

fn authority(directory: &Path, environment: &Environment) -> Result<Authority, DirectoryError> {
    let first = NodeId::new(1).expect("a number above 0");
    match directory.is_dir() {
        true => Authority::open(directory),
        false => Authority::create(directory, "dev", JOURNALS, first, &*environment.random),
    }
}

/// Where a node's link listened before. Nothing else is known to the other members.
fn link(identity: &Path) -> Result<Option<SocketAddr>, DirectoryError> {
    if !identity.is_dir() {
        return Ok(None);
    }
    let member = Membership::read(identity)?;
    Ok(member.address.to_string().parse().ok())
}

/// Has the first of `nodes` take in the others. Returns when each of them has caught up and votes in every group.
///
/// # Errors
/// Those of the group; `EINTERNAL` when they do not find each other in time.
pub async fn form(nodes: &[NodeHandle]) -> Result<(), Fault> {
    // A node by itself is whole.
    if nodes.len() < 2 {
        return Ok(());
    }
    let forming = async {
        take_in(nodes).await?;
        for node in nodes {
            for (_, mut group) in node.meta.cluster.watches() {
                let whole = group.wait_for(|status| {
                    let voters = status.members.iter().filter(|member| member.voter);
                    status.leader.is_some() && voters.count() == nodes.len()
                });
                whole.await;
            }
            node.meta.caught_up().await;
        }
        Ok(())
    };
    let formed = tokio::time::timeout(FORMING, forming).await;
    formed.unwrap_or_else(|_| {
        let why = format!(
            "the nodes have not formed a cluster within {} s; a directory of more nodes needs `--nodes` to name as many",
            FORMING.as_secs()
        );
        Err(Fault::new(Code::Internal, why))
    })
}

async fn take_in(nodes: &[NodeHandle]) -> Result<(), Fault> {
    let Some((first, others)) = nodes.split_first() else {
        return Ok(());
    };
    let cluster = &first.meta.cluster;
    let mut meta = cluster.meta.watch();
    meta.wait_for(|status| status.leader.is_some() && cluster.is_made())
        .await;
    for other in others {
        let place = &other.meta.cluster.place;
        let is_member = cluster
            .meta
            .read(|meta| meta.cluster().member(place.node).is_some());
        if !is_member {
            cluster
                .add_member(place.node, place.name.clone(), place.address.clone())
                .await?;
        }
    }
    Ok(())
}
