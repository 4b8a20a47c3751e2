//! Agreeing on what a connection may use (atp.md section 8).
//!
//! - [`Hello`], [`HelloAck`]: what is said. [`negotiate`]: what comes of it, or why nothing does.
//! - [`Agreed`]: the terms, and [`Agreed::baseline`] of a connection without a hello.
//! - [`Feature`]: what the names mean; [`required`], [`check_link`], [`level_max`]: what follows for security.
//! - [`diff`]: whether a change of the frame's schema is a breaking one.
//!
//! A repeated hello is found by its nonce on the way in, before anything is negotiated; a second one on the same connection
//! is `EPROTO`, which the connection machine says.

mod agreed;
pub mod diff;
mod feature;
mod negotiate;
mod security;
mod shape;

pub use agreed::{Agreed, Greeting};
pub use feature::{Feature, Level};
pub use negotiate::{
    HB_INTERVAL_MS, HB_INTERVAL_MS_DEFAULT, IDLE_FIN_MS_DEFAULT, IDLE_FIN_MS_MAX, Offer, Refusal, negotiate,
};
pub use security::{check_link, level_max, required};
pub use shape::{Features, Hello, HelloAck, Role, Sdk};
