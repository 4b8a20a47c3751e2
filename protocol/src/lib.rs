//! ATP on the wire and in memory, sans-IO: bytes and a clock reading in, values and deadlines out.
//!
//! In the order data flows through it:
//!
//! 1. [`limits`] bounds everything that follows; [`ids`], [`cluster`] and [`units`] name and measure it.
//! 2. [`container`] opens a WebSocket message, [`value`] parses and canonicalises the tree inside, [`frame`] checks its
//!    structure, [`sign`] its integrity, [`replay`] its freshness; [`dialect`] maps older clients onto native frames.
//! 3. [`payload`] gives every payload its type, aliases and hoisting; [`hello`] agrees on what a connection may use.
//! 4. [`connection`] and [`stream`] are the life cycles; [`lane`] orders messages, [`fragment`] splits and joins them,
//!    [`ack`] acknowledges and asks again, [`liveness`] beats and closes the idle.
//! 5. [`flow`] decides how much may be outstanding; [`estimate`] what a call is expected to cost.
//! 6. [`request`] is the one shape every surface is turned into; [`adapter`] what an adapter declares and reports.
//! 7. [`link`] is what members of a cluster say to each other, whatever it is about.
//! 8. [`error`] is the one table from which each surface's error body is made.
//!
//! Never here: tokio, actix, clocks, sockets, policy.

pub mod ack;
pub mod adapter;
pub mod cluster;
pub mod connection;
pub mod container;
pub mod dialect;
pub mod encoding;
pub mod error;
pub mod estimate;
pub mod finding;
pub mod flow;
pub mod fragment;
pub mod frame;
pub mod hello;
pub mod ids;
pub mod lane;
pub mod limits;
pub mod link;
pub mod liveness;
pub mod payload;
pub mod replay;
pub mod request;
pub mod resume;
pub mod sign;
pub mod stream;
pub mod units;
pub mod value;
