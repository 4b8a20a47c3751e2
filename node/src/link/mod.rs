//! The link: members of a cluster talk over framed TCP connections under mutual TLS (docs/adr/0010-link.md).
//!
//! 1. [`Link`] is the handle: [`Link::call`] asks a member, [`Link::open`] opens a stream to it; each [`Lane`](atp_protocol::link::Lane)
//!    is a connection of its own.
//! 2. `dial` keeps a connection to each member for each lane, `accept` takes those of others; `handshake` is what both begin with.
//! 3. `connection` is one of them, run by a task of the thread that dialled or accepted it; [`Services`] answer there, by the numbers of
//!    `service`.
//!
//! A connection carries the calls of whoever dialled it. The control and bulk lanes live on the thread that started the link; each
//! arbiter dials request lanes of its own ([`Link::on_this_thread`]) and serves those handed to it ([`Link::host`]), so that a relayed
//! call crosses no thread.
//!
//! When full: beyond the limits of a connection calls fail as overloaded and were not sent; beyond [`HANDSHAKES_MAX`] handshakes at once,
//! further connections are closed unanswered and dialled again. Without a connection calls fail at once.

mod accept;
mod connection;
mod dial;
mod error;
mod handle;
mod handshake;
mod service;
mod services;
mod status;
mod table;
#[cfg(test)]
mod tests;

pub use accept::{Arrival, HANDSHAKES_MAX};
pub use connection::Duplex;
pub use error::LinkError;
pub use handle::{Link, LinkSettings, Members};
pub(crate) use service::Known;
pub use services::Services;
pub use status::{LaneStatus, Standing};
