//! Decides which request of an arbiter goes next, and which gives way.
//!
//! Receives  `Acquire` from sessions, `Release` when a slot is dropped; its own tick
//! Sends     the grant to the waiting session, preemptions to the running one
//! When full a tier's queue refuses with `EWINDOW`; a waiter beyond its time is refused likewise, and bronze that comes while
//!           waits are long
//! Ends      with the arbiter; restarted with empty queues, waiters are told

mod actor;
mod congestion;
mod handle;

pub use actor::Scheduler;
pub(crate) use congestion::Congestion;
pub(crate) use handle::{SchedulerHandle, Slot};
