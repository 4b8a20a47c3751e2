//! How much may be outstanding: windows, how they adapt, and how a peer is told (atp.md section 16).
//!
//! | File | Decides |
//! |---|---|
//! | `window` | whether a call fits at every level at once, and reserves it |
//! | `effective`, `status` | the window in force, from everything that limits it and the agent's readiness |
//! | `session` | who of a session goes at once, who waits, and who goes when room is made |
//! | `aimd`, `table` | the adaptive part of it, per session and agent |
//! | `tuner`, `tuning` | how fast that moves, from what minutes of traffic looked like |
//! | `cadence` | when the peer is told |
//! | `watermark` | when a queue is too slow, and whether frames are marked |
//! | `bucket`, `throttle` | rates |
//!
//! At a full window a call is refused with the component that failed; whether it may wait is the scheduler's business.

mod aimd;
mod bucket;
mod cadence;
mod effective;
mod session;
mod status;
mod table;
mod throttle;
mod tuner;
mod tuning;
mod watermark;
mod window;

pub use aimd::{Adjustment, Aimd, AimdConfig, Signal};
pub use bucket::{Rate, TokenBucket};
pub use cadence::{Cadence, CadenceConfig};
pub use effective::{Constraints, Effective};
pub use session::{Admission, Ask, SessionWindow, Ticket};
pub use status::{StatusConfig, StatusTracker, Work};
pub use table::AimdTable;
pub use throttle::Throttle;
pub use tuner::{Observed, Targets, Tuner};
pub use tuning::Tuning;
pub use watermark::{Watermark, WatermarkConfig, is_marked};
pub use window::{Component, Level, Refusal, release, release_all, reserve, reserve_all};
