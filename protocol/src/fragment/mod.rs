//! Splitting messages into fragments and joining them (atp.md 10.2 to 10.4).
//!
//! [`split_text`] and [`split_bytes`] cut, [`Marking`] marks, [`Finality`] reads the marks, [`Reassembler`] joins and keeps
//! the gap timer. Text is cut between code points; anything else is cut as bytes. Every bound of the reassembler refuses
//! or abandons with a fault that names the next step.

mod body;
mod marker;
mod pending;
mod reassembler;
mod split;
mod store;
mod tombstone;

pub use body::Body;
pub use marker::{Contradiction, Finality, Markers, Marking, to_native};
pub use pending::Whole;
pub use reassembler::{Overdue, Pushed, Reassembler, ReassemblyConfig};
pub use split::{SplitConfig, Unit, split_bytes, split_text};
pub use store::{BufferStore, MemoryStore, NotTaken, Parts, STORE_TTL_MS};

use crate::ids::LaneId;
use crate::sign::fragment::Checksum;

/// A message of a stream: its lane and `msg_seq`.
pub type Key = (LaneId, u64);

/// One fragment as received.
#[derive(Debug, Clone)]
pub struct Fragment<H> {
    /// Its index.
    pub frag_seq: u32,
    /// Its fragment markers.
    pub markers: Markers,
    /// Its `payload.checksum`, if it has one; the inner `None` is one of no known form.
    pub checksum: Option<Option<Checksum>>,
    /// The piece.
    pub body: Body,
    /// Everything else; kept from fragment 0.
    pub header: H,
}

#[cfg(test)]
mod tests;
