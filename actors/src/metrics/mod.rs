//! Every series this node exports, with unit and label values beside its name (atp.md section 27).
//!
//! Handles are registered once per node with the recorder it was given, so that two nodes in one process do not share
//! figures and a hot path touches an atomic, never a table. Labels come from enums.

mod handles;
mod names;

pub use handles::{Meter, Outcome};
pub use names::describe;
