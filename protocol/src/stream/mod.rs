//! The life of one stream (atp.md 9.2).

mod state;

pub use state::{Input, Refusal, State};
