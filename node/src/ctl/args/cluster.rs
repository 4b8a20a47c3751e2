//! `cluster …`

use std::path::PathBuf;

use atp_protocol::cluster::{GroupId, NodeId};
use clap::{Args, Subcommand};

use crate::identity::Address;

/// `cluster …`
#[derive(Debug, Subcommand)]
pub enum Cluster {
    /// Make a cluster: its id, and the authority that issues certificates to its nodes.
    Init {
        /// Where the authority is kept; never on a node.
        dir: PathBuf,
        /// For people: a-z, 0-9 and -.
        #[arg(long)]
        name: String,
        /// Journal groups; fixed for ever.
        #[arg(long, default_value_t = 8)]
        journals: u16,
        /// The node that starts the cluster alone, for the others to join.
        #[arg(long, default_value = "1")]
        first: NodeId,
    },
    /// Issue the certificate of a node, or renew the one it has.
    Join(Join),
    /// How members and groups are.
    Status,
    /// Who is a member.
    Members,
    /// Take a node in, or say where it is from now on.
    Add {
        /// Its number.
        node: NodeId,
        /// HOST:PORT where the other members reach it.
        address: Address,
        /// For people; `node-N` unless given.
        #[arg(long)]
        name: Option<String>,
    },
    /// Take a member out for good. What it held of accounts counts as spent.
    Remove {
        /// Its number, never used again.
        node: NodeId,
    },
    /// Have a member lead nothing and take no new work; what runs goes on.
    Drain {
        /// Its number.
        node: NodeId,
        /// It takes work again.
        #[arg(long)]
        undo: bool,
    },
    /// Hand leadership of a group to a member.
    Transfer {
        /// `meta`, or `J0` and so on.
        group: GroupId,
        /// Who is to lead it.
        node: NodeId,
    },
    /// Spread leaders over the members.
    Balance,
    /// Take a snapshot of a group at its leader; of all groups unless one is given.
    Snapshot {
        /// `meta`, or `J0` and so on.
        group: Option<GroupId>,
    },
}

/// `cluster join`
#[derive(Debug, Args)]
pub struct Join {
    /// The authority, as `cluster init` made it.
    pub dir: PathBuf,
    /// The node's number, 1 to 65535; never used again for another machine's data.
    #[arg(long)]
    pub node: NodeId,
    /// HOST:PORT where the other members reach it.
    #[arg(long)]
    pub address: Address,
    /// The node's directory, named by `cluster.dir` of its configuration.
    #[arg(long)]
    pub out: PathBuf,
}
