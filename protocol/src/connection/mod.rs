//! A connection of a client, an agent or a router, without its socket (atp.md sections 8 to 13).
//!
//! [`Connection`] takes frames that passed [`ingress`](crate::frame::ingress), sends through [`Output::Transmit`] and is
//! woken at [`Connection::next_deadline`]. Inside: the handshake, heartbeats, streams with their lanes, fragments,
//! acknowledgements and buffers, limits, drain. Outside: sockets, signatures, nonces, admission, tokens and policy, whose
//! questions come as [`Event`]s.
//!
//! | Question | Answer |
//! |---|---|
//! | [`Event::Hello`] | [`Connection::agree`], [`Connection::refuse_hello`] |
//! | [`Event::Open`] | [`Connection::accept`], [`Connection::fail`] |
//! | [`Event::Resume`] | [`Connection::attach`], [`Connection::fail`] |

mod config;
mod deadlines;
mod ended;
mod handshake;
mod machine;
mod streams;
mod strikes;
mod terms;

pub use crate::stream::{Close, Event, Footprint, Joined, Output, StreamKey, Tally};
pub use config::Config;
pub use machine::Connection;

#[cfg(test)]
mod tests;
