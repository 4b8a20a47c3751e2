//! Writes the logs of all groups on a thread of its own (docs/adr/0008): whatever waits is committed together, with one sync.
//!
//! Receives  changes (consensus)
//! Sends     to each submission, once and in order, what came of it
//! When full [`QUEUE_BYTES`] wait, some thousand times what groups have outstanding: what comes on top is told at once that there is
//!           no space, and nothing of it is written. A commit takes at most [`BATCH_BYTES`], or one submission that is larger
//! Ends      when the disk fails so that it is no longer known what is on it: everything that waits and comes is told so, and
//!           [`LogThread::ended`] says it to whoever stops the node. Or when told, after what waits

mod inline;
mod queue;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use atp_consensus::log_io::{Done, LogIo};
use atp_storage::store::{Change, WriteError, Writer};
use tokio::sync::watch;

pub use inline::InlineLog;
use queue::{Queue, Submission};

/// Bytes of changes that may wait.
pub const QUEUE_BYTES: usize = 256 << 20;

/// Bytes of changes in one commit: some milliseconds of a disk, so that nobody waits long behind a commit.
pub const BATCH_BYTES: usize = 4 << 20;

/// The thread, for as long as the node runs.
#[derive(Debug)]
pub struct LogThread {
    queue: Arc<Queue>,
    ended: watch::Receiver<Option<String>>,
    thread: JoinHandle<()>,
    /// Ends with the thread.
    is_over: Receiver<()>,
}

impl LogThread {
    /// Starts the thread; it owns the writer.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(writer: Writer) -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let (ended, watched) = watch::channel(None);
        let served = Arc::clone(&queue);
        let (running, is_over) = sync_channel(0);
        let thread = std::thread::Builder::new()
            .name("log-io".to_owned())
            .spawn(move || {
                let _running = running;
                serve(&served, writer, &ended);
            })?;
        Ok(Self {
            queue,
            ended: watched,
            thread,
            is_over,
        })
    }

    /// Where groups write.
    #[must_use]
    pub fn log_io(&self) -> Arc<dyn LogIo> {
        Arc::clone(&self.queue) as _
    }

    /// Why the log takes nothing more, once that is so. The node must stop then.
    #[must_use]
    pub fn ended(&self) -> watch::Receiver<Option<String>> {
        self.ended.clone()
    }

    /// Commits what waits and closes the log, for so long at most: a disk that does not answer is left to the process. What is submitted
    /// later is told that the log has ended.
    pub fn stop(self, within: Duration) {
        self.queue.close("the node stops".to_owned());
        if self.is_over.recv_timeout(within) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the disk does not answer; what was not acknowledged may be lost");
            return;
        }
        // a thread that panicked has told everybody on its way out
        let _ = self.thread.join();
    }
}

impl LogIo for Queue {
    fn submit(&self, changes: Vec<Change>, done: Done) {
        if let Err((error, done)) = self.push(Submission::new(changes, done)) {
            done(Err(error));
        }
    }
}

fn serve(queue: &Queue, mut writer: Writer, ended: &watch::Sender<Option<String>>) {
    let _closing = Closing(queue);
    while let Some(batch) = queue.next_batch(BATCH_BYTES) {
        let result = commit(&mut writer, batch);
        if let Err(WriteError::Ended { what }) = result {
            tracing::error!(what, "the log takes nothing more; the node must stop");
            queue.close(what.clone());
            ended.send_if_modified(|ended| ended.replace(what).is_none());
        }
    }
}

/// Whoever waits for a thread that is gone, or came too late for it, is told.
struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let what = self.0.close("the thread that writes the log is gone".to_owned());
        while let Some(batch) = self.0.next_batch(usize::MAX) {
            for submission in batch {
                (submission.done)(Err(WriteError::Ended { what: what.clone() }));
            }
        }
    }
}

/// Commits a batch at once, and each submission by itself when one of them cannot be carried out: the others are not to blame.
fn commit(writer: &mut Writer, batch: Vec<Submission>) -> Result<(), WriteError> {
    let is_alone = batch.len() == 1;
    let (mut changes, mut waiting) = (Vec::new(), Vec::new());
    for submission in batch {
        changes.extend(submission.changes);
        waiting.push((changes.len(), submission.done));
    }
    let result = writer.commit(&changes);
    if let (Err(WriteError::Refused(_)), false) = (&result, is_alone) {
        let mut begin = 0;
        let mut last = Ok(());
        for (end, done) in waiting {
            last = writer.commit(&changes[begin..end]);
            begin = end;
            done(last.clone());
        }
        return last;
    }
    for (_, done) in waiting {
        done(result.clone());
    }
    result
}
