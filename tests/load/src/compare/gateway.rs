//! What stands between load and upstream.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

/// A measured gateway, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Gateway {
    /// Nothing.
    Direct,
    /// nginx as a reverse proxy.
    Nginx,
    /// Shepherd Model Gateway.
    Smg,
    /// Our node as a proxy only.
    Plain,
    /// Our node with keys, budget and journal.
    Governed,
}

impl Gateway {
    /// All, in order.
    pub const ALL: [Self; 5] = [Self::Direct, Self::Nginx, Self::Smg, Self::Plain, Self::Governed];
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Smg => "smg",
            Self::Plain => "plain",
            Self::Governed => "governed",
        })
    }
}
