//! What the members of a cluster agree on.
//!
//! 1. [`placement`] says which group something belongs to.
//! 2. [`command`] is how a change is written into a log entry, [`machine`] what carries it out: `apply(context, command)`, pure.
//! 3. [`meta`] is the machine of what the whole cluster agrees on, in [`Section`]s; [`journal`] that of accounts and streams, of which
//!    each group has a part.
//! 4. [`groups`] opens the groups of a node, [`group`] is one of them: proposals, reads, members, status.
//! 5. Below, openraft: what it is instantiated with is in `types`, the log in `log_store`, the machine and its snapshots in `state`,
//!    what members say to each other in `rpc`, and how all of that is written in `wire`.
//! 6. [`restore`] makes of images of the groups the beginning of another cluster.
//! 7. [`version`] holds back commands that not every member reads.
//! 8. The seams that a node fills are in [`config`]: [`log_io`] writes, [`transport`] reaches members, [`runtime`] is seeded.
//!
//! Never here: sockets, TLS, clocks, actix. No other crate names openraft.

pub mod command;
pub mod config;
mod dispatch;
pub mod group;
pub mod groups;
#[cfg(test)]
mod harness;
pub mod journal;
pub mod log_io;
mod log_store;
pub mod machine;
pub mod meta;
mod pieces;
pub mod placement;
pub mod remote;
pub mod restore;
mod rpc;
pub mod runtime;
mod section;
mod state;
pub mod transport;
mod types;
pub mod version;
mod wire;

pub use section::Section;
pub use state::{Applied, Blocking, Subscriber};
