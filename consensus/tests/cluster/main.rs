//! Clusters in one process: real groups over disks in memory and a network that can be cut, in time that is turned as fast as it
//! goes.
#![expect(clippy::unwrap_used, reason = "tests fail where it does")]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests stand in for the node: they own the tasks and the clock"
)]

mod cluster;
mod disk;
mod early;
mod history;
mod members;
mod network;
mod power;
mod register;
mod replication;
mod restore;
mod version;
