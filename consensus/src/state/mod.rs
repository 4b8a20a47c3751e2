//! The state of one group as openraft sees it: what is applied lives in memory, in the group's [`Machine`](crate::machine::Machine), and
//! is found again from the last snapshot and the log behind it.

mod adapter;
mod host;
mod position;
mod receiver;
mod snapshots;

pub(crate) use adapter::StateMachine;
pub(crate) use host::{AnyHost, Host};
pub use host::{Applied, Subscriber};
pub(crate) use position::Position;
pub(crate) use receiver::Receiver;
pub(crate) use snapshots::{SnapshotHandle, Snapshots};

/// Carries out work that takes its time, away from the threads that serve groups.
pub trait Blocking: Send + Sync {
    /// Queues the work and returns at once. In tests and simulation the caller may carry it out.
    fn run(&self, work: Box<dyn FnOnce() + Send>);
}
