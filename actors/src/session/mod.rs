//! Sessions: from an admitted request to its answer and its settlement.
//!
//! [`Router`] is an arbiter's way in. It starts a [`Session`](actor::Session) actor per session; the actor plans a request
//! (`launch`), and a task beside it (`drive`) carries out what the pure
//! [`ParallelSession`](atp_routing::session::ParallelSession) decides, one `call` per running adapter call, and settles once.
//!
//! ```text
//! surface ── open ──► Router ──► Session ── launch: decide, hold, slot ──► drive ── polls ──► LaneStream (adapter)
//!    ▲                                                                       │
//!    └──────────────────────── Output, bounded channel ◄─────────────────────┘
//! ```
//!
//! A client that stops reading fills the channel, `drive` stops polling, the adapter stops reading its upstream. A client
//! that leaves closes the channel: lanes are cancelled, or drained to their usage where cancelling does not stop what they
//! cost, and the hold is settled all the same.

mod actor;
mod attached;
mod believable;
mod call;
mod drain;
mod drive;
mod escalation;
mod estimates;
mod explain;
mod fairness;
mod finish;
mod launch;
mod layout;
mod load;
mod log;
mod output;
mod pacing;
mod repeat;
mod reputation;
mod router;
mod shared;
mod spend;
mod strategies;
mod table;
mod tuner;
mod window;

pub use explain::{Decisions, Explained};
pub use fairness::{Fairness, ServedView, WEIGHT_RANGE};
pub use load::{Load, Passing};
pub use output::{Answer, Consensus, Facts, OUTPUT_MAX, Opened, Output, Repeat, Telemetry, Unanswered};
pub use repeat::RepeatSettings;
pub use router::{Router, RouterSettings, Timeouts};
pub use shared::{Shared, SharedSettings};
pub use table::{SessionView, Sessions, StreamView};
pub use window::SessionFlow;
