//! The node as a member of a cluster: `[cluster]`.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

/// `[cluster]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterConfig {
    /// The node's directory, as `atpctl cluster join` writes it; absent, the node is a cluster of one.
    pub dir: Option<PathBuf>,
    /// Where other members connect.
    pub listen: SocketAddr,
    /// How often a leader is heard of, in milliseconds.
    pub heartbeat_ms: u64,
    /// After how long without a leader another is elected at the earliest, in milliseconds; twice that at the latest.
    pub election_ms: u64,
    /// For how long a node may spend from its part of an account without hearing from the cluster, in milliseconds.
    pub lease_ttl_ms: u64,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            dir: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 7444)),
            heartbeat_ms: 50,
            election_ms: 150,
            lease_ttl_ms: 10_000,
        }
    }
}
