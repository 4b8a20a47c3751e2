//! Published clients that do not send native frames (atp.md section 28).
//!
//! A dialect is told by a connection's first message, or by its URL, and is fixed from there. [`Dialect::to_native`] maps
//! the tree of a message before its structure is checked, so everything after it sees native frames; [`reply`] maps the
//! router's frames back. Such connections are legacy: JSON, no hello, never required to sign.

mod case;
mod inbound;
mod outbound;

pub use inbound::{Dialect, Endpoint, Mode, implied_flags};
pub use outbound::{registered, reply};

#[cfg(test)]
mod tests;
