//! The log without a thread, for simulation: each submission is one commit, done when `submit` returns.

use std::sync::{Mutex, PoisonError};

use atp_consensus::log_io::{Done, LogIo};
use atp_storage::store::{Change, Writer};

/// Commits in whoever submits.
#[derive(Debug)]
pub struct InlineLog {
    writer: Mutex<Writer>,
}

impl InlineLog {
    /// Owns the writer.
    #[must_use]
    pub const fn new(writer: Writer) -> Self {
        Self {
            writer: Mutex::new(writer),
        }
    }
}

impl LogIo for InlineLog {
    fn submit(&self, changes: Vec<Change>, done: Done) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let result = writer.commit(&changes);
        // whoever is told may submit again
        drop(writer);
        done(result);
    }
}
