//! The thread that reads and writes snapshots, so that no group waits for them.

use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use atp_consensus::Blocking;

/// Work waiting. A group has a snapshot or two to write or read at a time; beyond the bound whoever asks does it.
const QUEUE: usize = 256;

type Work = Box<dyn FnOnce() + Send>;

/// See the module.
pub(crate) struct Bulk(SyncSender<Work>);

impl Bulk {
    /// Starts the thread, which ends with its last handle.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, work) = sync_channel::<Work>(QUEUE);
        std::thread::Builder::new()
            .name("bulk-io".to_owned())
            .spawn(move || {
                while let Ok(work) = work.recv() {
                    work();
                }
            })?;
        Ok(Self(sender))
    }
}

impl Blocking for Bulk {
    fn run(&self, work: Work) {
        match self.0.try_send(work) {
            Ok(()) => {}
            Err(TrySendError::Full(work) | TrySendError::Disconnected(work)) => work(),
        }
    }
}
