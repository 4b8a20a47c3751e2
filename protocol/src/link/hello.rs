//! The first frame of each side.

use super::Lane;
use crate::cluster::NodeId;

/// Bytes of its body.
pub(super) const HELLO_LEN: usize = 7;

/// What a connection is for, and between whom. The dialling side sends it first; the other checks it and answers with its own,
/// or refuses it with a goodbye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// The lane.
    pub lane: Lane,
    /// From the dialling side: the node that is meant. From the other: the node that it is.
    pub node: NodeId,
    /// Bytes that the sender of this hello takes on each stream before it grants more.
    pub window: u32,
}

impl Hello {
    pub(super) fn to_bytes(self) -> [u8; HELLO_LEN] {
        let [node_low, node_high] = self.node.get().to_le_bytes();
        let [a, b, c, d] = self.window.to_le_bytes();
        [self.lane.number(), node_low, node_high, a, b, c, d]
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let &[lane, node_low, node_high, a, b, c, d] = bytes else {
            return None;
        };
        Some(Self {
            lane: Lane::of_number(lane)?,
            node: NodeId::new(u16::from_le_bytes([node_low, node_high]))?,
            window: u32::from_le_bytes([a, b, c, d]),
        })
    }
}
