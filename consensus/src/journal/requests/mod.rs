//! Requests under idempotency keys (atp.md 13.3, docs/adr/0015), in the group of tenant and key.
//!
//! A request is begun under a claim before it has any effect, and ended with its outcome before its client is told. One whose node
//! was lost in between is lost: it may have been carried out and charged, so it does not run again under its key.
//!
//! At the bounds: those of keys and outcomes are said by whoever begins a request ([`Bounds`]); beyond them the oldest of the tenant that takes up most is
//! forgotten, and where all run, a new one is refused. A key over [`KEY_MAX`] or an outcome over [`OUTCOME_MAX`] is refused. A key whose time is over is
//! forgotten with the next tick.

mod begin_request;
mod end_request;

pub use begin_request::{BeginRequest, BeginRequestReply};
pub use end_request::{End, EndRequest, EndRequestReply};

use std::sync::Arc;

use atp_protocol::resume::{Bounds, IdempotencyTable};

/// Bytes of an idempotency key (atp.md 13.3).
pub const KEY_MAX: usize = 128;

/// Bytes of an outcome.
pub const OUTCOME_MAX: usize = 512 * 1024;

/// What is remembered until a request says otherwise.
const BOUNDS: Bounds = Bounds {
    ttl_ms: 86_400_000,
    keys_max: 65_536,
    bytes_max: 64 * 1024 * 1024,
};

/// Requests by key.
pub type Requests = IdempotencyTable<Arc<[u8]>>;

/// None yet.
pub(super) const fn none() -> Requests {
    IdempotencyTable::new(BOUNDS)
}
