//! `cluster.toml`: what a cluster is, and which of its nodes a directory makes.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use atp_protocol::cluster::{ClusterId, NodeId};
use serde::{Deserialize, Serialize};

use super::files::{self, CLUSTER};
use super::{DirectoryError, Name};

/// The only format there is.
const FORMAT: u16 = 1;

/// Journal groups a cluster may have.
pub(super) const JOURNALS: std::ops::RangeInclusive<u16> = 1..=64;

/// Longest name of a cluster.
const NAME: usize = 64;

/// What all nodes of a cluster agree on before they can agree on anything; fixed when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Which.
    pub id: ClusterId,
    /// For people: 1 to 64 of `a-z`, `0-9` and `-`.
    pub name: String,
    /// Its journal groups, 1 to 64.
    pub journals: u16,
    /// The node that starts it alone; all others join.
    pub first: NodeId,
}

/// What a node is told of itself by its directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Its cluster.
    pub cluster: Cluster,
    /// Which node it is.
    pub node: NodeId,
    /// Where the other members reach it.
    pub address: Address,
}

/// `HOST:PORT`, the host a name or an address, IPv6 in brackets; at most 255 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

/// Not `HOST:PORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an address is HOST:PORT, with a port from 1 to 65535")]
pub struct NotAnAddress;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthorityFile {
    format: u16,
    cluster: Cluster,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeFile {
    format: u16,
    node: NodeId,
    address: Address,
    cluster: Cluster,
}

impl Cluster {
    /// Checks the bounds; the error says which is crossed.
    pub(super) fn check(&self) -> Result<(), String> {
        let is_legal = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
        if self.name.is_empty() || self.name.len() > NAME || !self.name.chars().all(is_legal) {
            return Err(format!(
                "a cluster's name is 1 to {NAME} of a-z, 0-9 and -, not `{}`",
                self.name.escape_debug()
            ));
        }
        if !JOURNALS.contains(&self.journals) {
            let (least, most) = (JOURNALS.start(), JOURNALS.end());
            return Err(format!(
                "a cluster has {least} to {most} journals, not {}",
                self.journals
            ));
        }
        Ok(())
    }

    pub(super) fn read(path: &Path) -> Result<Self, DirectoryError> {
        let file: AuthorityFile = parse(path, &files::read_text(path)?)?;
        checked(path, file.format, &file.cluster)?;
        Ok(file.cluster)
    }

    pub(super) fn text(&self) -> String {
        text(&AuthorityFile {
            format: FORMAT,
            cluster: self.clone(),
        })
    }
}

impl Membership {
    /// What a node's directory says, as `atpctl cluster join` writes it.
    ///
    /// # Errors
    /// [`DirectoryError`] naming the file at fault.
    pub fn read(directory: &Path) -> Result<Self, DirectoryError> {
        let path = directory.join(CLUSTER);
        Self::parse(&path, &files::read_text(&path)?)
    }

    /// The node as certificates name it.
    #[must_use]
    pub const fn name(&self) -> Name {
        Name {
            cluster: self.cluster.id,
            node: self.node,
        }
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, DirectoryError> {
        let file: NodeFile = parse(path, text)?;
        checked(path, file.format, &file.cluster)?;
        Ok(Self {
            cluster: file.cluster,
            node: file.node,
            address: file.address,
        })
    }

    pub(super) fn text(&self) -> String {
        text(&NodeFile {
            format: FORMAT,
            node: self.node,
            address: self.address.clone(),
            cluster: self.cluster.clone(),
        })
    }
}

fn parse<'a, T: Deserialize<'a>>(path: &Path, text: &'a str) -> Result<T, DirectoryError> {
    toml::from_str(text).map_err(|error| malformed(path, error.to_string()))
}

fn text<T: Serialize>(file: &T) -> String {
    toml::to_string(file).expect("plain fields before tables")
}

fn checked(path: &Path, format: u16, cluster: &Cluster) -> Result<(), DirectoryError> {
    if format != FORMAT {
        let reason = format!("format {format} is not known; use the release that wrote it or a later one");
        return Err(malformed(path, reason));
    }
    cluster.check().map_err(|reason| malformed(path, reason))
}

fn malformed(path: &Path, reason: String) -> DirectoryError {
    DirectoryError::Malformed {
        path: path.to_owned(),
        reason,
    }
}

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let (host, port) = text.rsplit_once(':').ok_or(NotAnAddress)?;
        let port: u16 = port.parse().map_err(|_| NotAnAddress)?;
        let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
            }
        };
        (is_host && port > 0 && text.len() <= 255)
            .then(|| Self(text.to_owned()))
            .ok_or(NotAnAddress)
    }
}

impl TryFrom<String> for Address {
    type Error = NotAnAddress;

    fn try_from(text: String) -> Result<Self, NotAnAddress> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in ["10.0.0.1:7444", "node-1.example:1", "[::1]:7444"] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "host",
            ":7444",
            "host:0",
            "host:65536",
            "::1:7444",
            "[x]:1",
            "a b:1",
            "u@h:1",
        ] {
            assert_eq!(bad.parse::<Address>(), Err(NotAnAddress), "{bad}");
        }
    }
}
