//! Drives one ATP connection: a client's, or that of an agent that dialled in to work.
//!
//! Receives  `Incoming`, `Drain` and `Gone` from the transport; `Event`s of its streams' sessions; `Dispatch` and `AskEstimate` from
//!           whoever calls its agent; its own timer
//! Sends     encoded messages to the transport, control before data; requests to its router; `Register`, `Withdraw` and
//!           `Report` to the registry
//! When full the data queue makes a stream's pump wait, so its session stops polling its lanes; a full control queue closes
//!           the connection with 1013; while the caller of a call does not read, the agent's next message on it is answered
//!           late, so that the transport reads no more of the agent; an estimate beyond those that are asked for is not asked for
//! Carries   frames of streams that other nodes own there and back (`elsewhere`)
//! Ends      with its transport; streams are cancelled, its adapter is withdrawn

mod actor;
mod agent;
pub(crate) mod asked;
mod client;
mod counting;
mod declarations;
mod dialled;
mod egress;
mod elsewhere;
mod events;
mod hello;
mod kept;
mod messages;
mod pacing;
mod probe;
mod questions;
pub(crate) mod render;
mod revoked;

pub use actor::{Connection, ConnectionSettings};
pub use egress::{Egress, Wire, egress};
pub use elsewhere::{Back, Others, Reach, Way};
pub use messages::{Drain, Gone, Incoming};
