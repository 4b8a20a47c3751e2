//! Heartbeats, idle streams, dead peers (atp.md section 12).
//!
//! [`Timing`] holds the agreed times; [`Pulse`] beats and notices idleness; [`IdleTimer`] alone serves streams and the
//! detection of a dead peer, where any inbound byte is activity.

mod timer;
mod timing;

pub use timer::{IdleTimer, Pulse, Tick};
pub use timing::Timing;
