//! What the members of a cluster agree on.
//!
//! 1. [`placement`] says which group something belongs to.
//! 2. [`command`] is how a change is written into a log entry, [`machine`] what carries it out: `apply(context, command)`, pure.
//!
//! Never here: sockets, TLS, clocks, actix. No other crate names openraft.

pub mod command;
pub mod machine;
pub mod placement;
