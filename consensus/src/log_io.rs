//! The seam through which all groups of a node write: one commit, one sync, for whatever waits (docs/adr/0008).

use atp_storage::store::{Change, WriteError};

/// Told once what came of changes that were submitted. Called from any thread, and must return at once.
pub type Done = Box<dyn FnOnce(Result<(), WriteError>) + Send>;

/// Writes changes. A thread in production, the caller in simulation.
pub trait LogIo: Send + Sync {
    /// Queues changes that are to become durable together, and returns at once. Changes are committed, and `done` is called, in
    /// the order of submission; `done` with `Ok` only when the changes, and all before them, are durable.
    ///
    /// The queue needs no bound of its own: a group submits again only when it was answered, but for a bounded number of entries.
    fn submit(&self, changes: Vec<Change>, done: Done);
}
