//! Sequenced flows: one counter per lane and direction, delivery in order per lane (atp.md 10.1).
//!
//! Lanes do not block one another. A receiver buffers at most 256 messages ahead of a gap and refuses what is further.

mod order;
mod sequencer;

pub use order::{AHEAD_MAX, Position, ReceiveOrder, Start};
pub use sequencer::{Exhausted, Sequencer};
