//! The unit of the wire (atp.md section 3): its members, its structure, and the way in and out.
//!
//! - [`ingress`] takes one received message through the steps of atp.md 3.5 up to the hop count and returns a checked
//!   [`Frame`] or the first [`Fault`](crate::error::Fault). What needs a session, stream or policy comes after it.
//! - [`encode`] is the way out: members, `nonce`, `ts`, `kid`, checksum, signature, container, in that order.
//! - [`Frame`] borrows its content from the message; [`Frame::into_owned`] lets it outlive the buffer.
//!
//! Members that seal a frame (`checksum`, `sig`, `kid`, `nonce`, `ts`) hold for one hop. They are checked on the way in and
//! made on the way out, and a [`Frame`] does not carry them.

mod check;
mod draft;
mod egress;
mod flags;
mod ingress;
mod meta;
mod seal;
mod shape;

pub use egress::{Encoded, Outbound, Wrapping, encode};
pub use flags::{Flag, Flags};
pub use ingress::{Incoming, Policy, Received, ingress};
pub use meta::{DEADLINE_MS_MAX, Meta};
pub use seal::{Nonce, Required, Stamp, is_checksum_failure};
pub use shape::{Frame, TTL_INITIAL};

pub(crate) use check::{Check, fault, missing};

#[cfg(test)]
mod tests;
