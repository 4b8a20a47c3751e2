//! Names of a cluster and inside it: its members and its Raft groups (design section 2).

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

/// A cluster, for ever: 128 random bits, written as 32 hexadecimal digits. Its name may be another cluster's as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterId([u8; 16]);

/// Not 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cluster id is 32 lower-case hexadecimal digits")]
pub struct NotACluster;

impl ClusterId {
    /// The cluster of these random bits.
    #[must_use]
    pub const fn new(bits: [u8; 16]) -> Self {
        Self(bits)
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for ClusterId {
    type Err = NotACluster;

    /// Upper case is refused, so that an id is written in one way only.
    fn from_str(text: &str) -> Result<Self, NotACluster> {
        let mut bits = [0; 16];
        hex::decode_to_slice(text, &mut bits).map_err(|_| NotACluster)?;
        let id = Self(bits);
        (id.to_string() == text).then_some(id).ok_or(NotACluster)
    }
}

impl TryFrom<String> for ClusterId {
    type Error = NotACluster;

    fn try_from(text: String) -> Result<Self, NotACluster> {
        text.parse()
    }
}

impl From<ClusterId> for String {
    fn from(id: ClusterId) -> Self {
        id.to_string()
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

/// Neither `meta` nor `J` with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a group is meta, or J with the number of a journal group, such as J0")]
pub struct NotAGroup;

impl FromStr for GroupId {
    type Err = NotAGroup;

    fn from_str(text: &str) -> Result<Self, NotAGroup> {
        if text == "meta" {
            return Ok(Self::META);
        }
        let number: u16 = text
            .strip_prefix('J')
            .and_then(|number| number.parse().ok())
            .ok_or(NotAGroup)?;
        number.checked_add(1).map(Self).ok_or(NotAGroup)
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
    fn a_cluster_id_is_written_in_one_way() {
        let text = "00ff102030405060708090a0b0c0d0e0";
        let id: ClusterId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        for other in [
            "00FF102030405060708090a0b0c0d0e0",
            "00ff",
            "",
            "zz",
            &format!("{text}0"),
        ] {
            assert_eq!(other.parse::<ClusterId>(), Err(NotACluster), "{other}");
        }
    }

    #[test]
    fn groups_are_named_as_operators_see_them() {
        let names: Vec<String> = GroupId::journals(2).map(|group| group.to_string()).collect();
        assert_eq!(names, ["J0", "J1"]);
        assert_eq!(GroupId::META.to_string(), "meta");
        for group in [GroupId::META, GroupId(1), GroupId(8)] {
            assert_eq!(group.to_string().parse(), Ok(group));
        }
        for other in ["", "J", "j0", "J65535", "0", "J-1"] {
            assert_eq!(other.parse::<GroupId>(), Err(NotAGroup), "{other}");
        }
    }
}
