//! The load's side of HTTP: what to ask ([`Target`]), over which connection, and the send times in what comes back.

mod connection;
mod failure;
mod send_times;
mod target;

pub use connection::Connection;
pub use failure::{Failure, Failures};
pub use send_times::SendTimes;
pub use target::{Ask, Call, Surface, Target};
