//! Names inside a cluster: its members and its Raft groups (design section 2).

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A member, 1 to 65 535. Never used again for another machine's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(NonZeroU16);

/// Not a number from 1 to 65 535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a node is a number from 1 to 65535")]
pub struct NotANode;

impl NodeId {
    /// The member of a number; `None` for 0.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        match NonZeroU16::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for NodeId {
    type Err = NotANode;

    fn from_str(text: &str) -> Result<Self, NotANode> {
        text.parse().map(Self).map_err(|_| NotANode)
    }
}

/// A Raft group: 0 is `meta`, 1 to J the journal groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupId(pub u16);

impl GroupId {
    /// Policy, keys, members.
    pub const META: Self = Self(0);

    /// All journal groups of a cluster with so many of them.
    pub fn journals(count: u16) -> impl Iterator<Item = Self> {
        (1..=count).map(Self)
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("meta"),
            number => write!(f, "J{}", number - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_a_number_above_zero() {
        assert_eq!("7".parse(), Ok(NodeId::new(7).unwrap()));
        assert_eq!("0".parse::<NodeId>(), Err(NotANode));
        assert_eq!("65536".parse::<NodeId>(), Err(NotANode));
        assert_eq!(NodeId::new(0), None);
    }

    #[test]
    fn groups_are_named_as_operators_see_them() {
        let names: Vec<String> = GroupId::journals(2).map(|group| group.to_string()).collect();
        assert_eq!(names, ["J0", "J1"]);
        assert_eq!(GroupId::META.to_string(), "meta");
    }
}
