//! The life of one stream (atp.md 9.2).
//!
//! [`State`] is the table; [`Stream`] puts a receiving half (reassembly, order, acknowledgement, requests to send again) and
//! a sending half (numbers, fragments, the buffer of what is not acknowledged) under it. A stream can leave its connection
//! and go on over another: it is a value.

mod content;
mod inbound;
mod machine;
mod opening;
mod outbound;
mod output;
mod profile;
mod receive;
mod resumption;
mod state;
mod tally;

pub use machine::Stream;
pub use outbound::{fragments, weight};
pub use output::{Close, Event, Output, StreamKey};
pub use profile::Profile;
pub use resumption::Resumption;
pub use state::{Input, Refusal, State};
pub use tally::{Footprint, Joined, Tally};

pub(crate) use opening::{Opening, idempotency_key};
