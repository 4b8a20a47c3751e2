//! The state of one group as openraft sees it: what is applied lives in memory, in the group's [`Machine`](crate::machine::Machine), and
//! is found again from the last snapshot and the log behind it.

mod adapter;
mod blocking;
mod host;
mod position;
mod receiver;
mod snapshots;

pub(crate) use adapter::StateMachine;
pub use blocking::Blocking;
pub(crate) use blocking::block;
pub(crate) use host::{AnyHost, Host};
pub use host::{Applied, Subscriber};
pub(crate) use position::Position;
pub(crate) use receiver::Receiver;
pub(crate) use snapshots::{SnapshotHandle, Snapshots, Unusable};
