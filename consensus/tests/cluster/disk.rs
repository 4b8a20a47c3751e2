//! A disk with a sync that takes a while.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use atp_consensus::Blocking;
use atp_consensus::log_io::{Done, LogIo};
use atp_storage::store::{Change, Writer};
use tokio::sync::{mpsc, watch};

/// Commits what waits, once a while.
pub(crate) struct SlowLogIo(mpsc::UnboundedSender<(Vec<Change>, Done)>);

impl SlowLogIo {
    /// Each commit takes `sync`, and waits while the disk is `stuck`. Changes that wait for one go into the next, together.
    #[expect(
        clippy::disallowed_methods,
        reason = "groups submit a bounded number of entries"
    )]
    pub(crate) fn new(writer: Writer, sync: Duration, mut stuck: watch::Receiver<bool>) -> Arc<Self> {
        let (sender, mut receiver) = mpsc::unbounded_channel::<(Vec<Change>, Done)>();
        let writer = Mutex::new(writer);
        tokio::spawn(async move {
            while let Some(first) = receiver.recv().await {
                let mut waiting = vec![first];
                while let Ok(next) = receiver.try_recv() {
                    waiting.push(next);
                }
                tokio::time::sleep(sync).await;
                // The test ended.
                let _ = stuck.wait_for(|stuck| !stuck).await;
                let changes: Vec<Change> = waiting.iter().flat_map(|(changes, _)| changes.clone()).collect();
                let result = writer.lock().unwrap().commit(&changes);
                for (_, done) in waiting {
                    done(result.clone());
                }
            }
        });
        Arc::new(Self(sender))
    }
}

impl LogIo for SlowLogIo {
    fn submit(&self, changes: Vec<Change>, done: Done) {
        // The task ends with the test.
        let _ = self.0.send((changes, done));
    }
}

/// The caller does it.
pub(crate) struct Inline;

impl Blocking for Inline {
    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}
