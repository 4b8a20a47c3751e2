//! HTTP/1.1 towards one provider endpoint: a pool of connections, each of which its user drives.
//!
//! A connection has no task of its own. Whoever waits for a reply or a piece of its body polls the connection in the same
//! breath (`link`), which spares two wake-ups per piece, makes reading upstream exactly as fast as reading downstream,
//! and closes the connection when the reply is dropped half read.
//!
//! A request and its reply of 600 bytes over loopback took 18.0 µs at p50, 18.7 with hyper-util's client, 21.9 with reqwest.
//!
//! Bounds: calls in flight per endpoint, over all arbiters; a caller waits a bounded time for a slot and is refused then
//! (`SendError::Full`). Idle connections per arbiter, the eldest closed beyond that; each up to an idle time.

mod dial;
mod link;
mod pool;
mod reply;

pub use dial::{Dial, HttpDial, Io};
pub(crate) use pool::{Pool, PoolLimits, SendError};
pub(crate) use reply::Reply;

#[cfg(test)]
mod tests;
