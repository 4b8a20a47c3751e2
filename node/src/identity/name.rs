//! The name in a node's certificate: `atp://<cluster id>/node/<N>`.

use std::fmt;
use std::str::FromStr;

use atp_protocol::cluster::{ClusterId, NodeId};

/// A node of a cluster, as its certificate says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node.
    pub node: NodeId,
}

/// Not such a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAName;

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "atp://{}/node/{}", self.cluster, self.node)
    }
}

impl FromStr for Name {
    type Err = NotAName;

    /// A name is written in one way only: `/node/07` and `/node/+7` are none.
    fn from_str(text: &str) -> Result<Self, NotAName> {
        let rest = text.strip_prefix("atp://").ok_or(NotAName)?;
        let (cluster, node) = rest.split_once("/node/").ok_or(NotAName)?;
        let name = Self {
            cluster: cluster.parse().map_err(|_| NotAName)?,
            node: node.parse().map_err(|_| NotAName)?,
        };
        (name.to_string() == text).then_some(name).ok_or(NotAName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: &str = "00ff102030405060708090a0b0c0d0e0";

    #[test]
    fn a_name_is_read_as_it_is_written() {
        let text = format!("atp://{CLUSTER}/node/7");
        let name: Name = text.parse().unwrap();
        assert_eq!((name.node.get(), name.to_string()), (7, text));
    }

    #[test]
    fn what_only_resembles_a_name_is_none() {
        for end in [
            "/node/07",
            "/node/+7",
            "/node/0",
            "/node/65536",
            "/node/",
            "/node/7/",
            "/node/7?x",
            "/7",
            "",
        ] {
            let text = format!("atp://{CLUSTER}{end}");
            assert_eq!(text.parse::<Name>(), Err(NotAName), "{text}");
        }
        assert_eq!(format!("http://{CLUSTER}/node/7").parse::<Name>(), Err(NotAName));
    }
}
