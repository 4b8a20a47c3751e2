//! Load and comparison measurements over public surfaces, and the mock provider that they run against.
//!
//! In the order data flows: [`upstream`] is the provider, [`client`] the connections of the load; [`drive`],
//! [`streams`], [`open`], [`max`] and [`race`] each produce one kind of load and its report; [`process`] reads what
//! a gateway spends meanwhile; [`compare`] runs all of it over several gateways and judges the result.
//! [`fleet`] starts, kills and stops the processes of a cluster; [`raft`] measures what its writes and the loss of its
//! leader cost. [`partition`] stands between members and loses what it is told to; [`history`] judges what clients
//! saw; [`chaos`] uses these on a cluster under load.
//!
//! Everything runs on one thread, so that the load takes as little as possible of the cores that it shares with
//! the gateway, and is Linux only (timerfd, `/proc`). Times are of the monotonic clock, which all processes of a
//! machine share ([`clock`]): a send time written by the upstream can be subtracted from a receive time here.

pub mod chaos;
pub mod client;
pub mod clock;
pub mod compare;
pub mod drive;
pub mod fleet;
pub mod history;
pub mod latency;
pub mod limits;
pub mod max;
pub mod open;
pub mod pacer;
pub mod partition;
pub mod process;
pub mod race;
pub mod raft;
pub mod relay;
pub mod seed;
pub mod streams;
pub mod table;
pub mod upstream;
