//! What the members of a cluster agree on.
//!
//! 1. [`placement`] says which group something belongs to.
//! 2. [`command`] is how a change is written into a log entry, [`machine`] what carries it out: `apply(context, command)`, pure.
//! 3. [`meta`] is the machine of what the whole cluster agrees on. Its parts are [`Section`]s.
//!
//! Never here: sockets, TLS, clocks, actix. No other crate names openraft.

pub mod command;
mod dispatch;
#[cfg(test)]
mod harness;
pub mod machine;
pub mod meta;
mod pieces;
pub mod placement;
mod section;

pub use section::Section;
