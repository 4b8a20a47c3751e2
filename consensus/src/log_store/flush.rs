//! What of a log is durable (docs/adr/0014).
//!
//! At most one write of a log is under way. Whoever writes waits for the one before, so that writes become durable in their order
//! also where a full disk makes one wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use atp_storage::store::{Change, WriteError};
use openraft::AsyncRuntime;
use tokio::sync::{oneshot, watch};

use super::{FULL_RETRY, Log};
use crate::runtime::Runtime;
use crate::types::LogId;

/// How far the log is durable.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// The last entry before the first that may not be durable.
    durable: Option<LogId>,
    /// Index of the first entry that may not be durable; `None` when all are.
    pending: Option<u64>,
    /// Why nothing will be durable any more.
    failed: Option<Arc<WriteError>>,
}

/// Where the progress is kept.
#[derive(Default)]
pub(super) struct Flush {
    progress: watch::Sender<Progress>,
    withheld: Arc<AtomicBool>,
}

/// Says when others can be told of commits that were kept from them.
pub(crate) struct Withheld {
    progress: watch::Receiver<Progress>,
    withheld: Arc<AtomicBool>,
}

impl Withheld {
    /// Waits for the next time. `false` when the log is gone.
    pub(crate) async fn ended(&mut self) -> bool {
        loop {
            if self.progress.changed().await.is_err() {
                return false;
            }
            if self.progress.borrow_and_update().pending.is_none()
                && self.withheld.swap(false, Ordering::AcqRel)
            {
                return true;
            }
        }
    }
}

impl Log {
    /// Waits until something is so, or will never be.
    async fn when(&self, is: impl FnMut(&Progress) -> bool) -> Result<(), WriteError> {
        let mut is = is;
        let mut progress = self.0.flush.progress.subscribe();
        let progress = progress
            .wait_for(|progress| progress.failed.is_some() || is(progress))
            .await;
        match progress {
            Ok(progress) => match &progress.failed {
                Some(error) => Err((**error).clone()),
                None => Ok(()),
            },
            Err(_) => Err(gone()),
        }
    }

    /// Waits until all that was appended is durable.
    ///
    /// # Errors
    /// When it never will be.
    pub(crate) async fn settled(&self) -> Result<(), WriteError> {
        self.when(|progress| progress.pending.is_none()).await
    }

    /// Waits until an entry is durable.
    ///
    /// # Errors
    /// When it never will be.
    pub(crate) async fn durable(&self, index: u64) -> Result<(), WriteError> {
        self.when(|progress| progress.pending.is_none_or(|pending| index < pending))
            .await
    }

    /// Up to where a leader may tell others that entries are committed, when it counted its own entries before they were durable:
    /// up to a durable entry of its own term, as only such a one is committed by being on a quorum of disks (Raft, section 5.4.2).
    pub(crate) fn committed_durably(&self, committed: LogId) -> Option<LogId> {
        let progress = self.0.flush.progress.borrow();
        if progress.pending.is_none_or(|pending| committed.index < pending) {
            return Some(committed);
        }
        self.0.flush.withheld.store(true, Ordering::Release);
        progress
            .durable
            .filter(|durable| durable.leader_id == committed.leader_id)
    }

    /// Follows what [`Self::committed_durably`] keeps back.
    pub(crate) fn withheld(&self) -> Withheld {
        Withheld {
            progress: self.0.flush.progress.subscribe(),
            withheld: Arc::clone(&self.0.flush.withheld),
        }
    }

    /// Makes changes durable, after all before; waits while the disk is full.
    pub(super) async fn write(&self, changes: Vec<Change>) -> Result<(), WriteError> {
        self.settled().await?;
        let written = self.submit(changes.clone());
        self.finish(changes, written).await
    }

    /// Makes entries from `first` on durable, without waiting for it. Nothing else may be under way.
    pub(super) fn write_early(&self, change: Change, first: u64, before: Option<LogId>) {
        self.0.flush.progress.send_replace(Progress {
            durable: before,
            pending: Some(first),
            failed: None,
        });
        let changes = vec![change];
        let written = self.submit(changes.clone());
        let log = self.clone();
        Runtime::spawn(async move {
            let failed = log.finish(changes, written).await.err().map(Arc::new);
            log.0.flush.progress.send_modify(|progress| match failed {
                None => *progress = Progress::default(),
                failed => progress.failed = failed,
            });
        });
    }

    fn submit(&self, changes: Vec<Change>) -> oneshot::Receiver<Result<(), WriteError>> {
        let (done, written) = oneshot::channel();
        self.0.io.submit(
            changes,
            Box::new(move |result| {
                // Nobody waits when the group was stopped meanwhile.
                let _ = done.send(result);
            }),
        );
        written
    }

    async fn finish(
        &self,
        changes: Vec<Change>,
        mut written: oneshot::Receiver<Result<(), WriteError>>,
    ) -> Result<(), WriteError> {
        loop {
            match written.await {
                Ok(Err(WriteError::Full)) => {
                    tracing::warn!(group = %self.0.group, "the disk is full: the group waits for room");
                    Runtime::sleep(FULL_RETRY).await;
                    written = self.submit(changes.clone());
                }
                Ok(result) => return result,
                Err(_) => return Err(gone()),
            }
        }
    }
}

fn gone() -> WriteError {
    WriteError::Ended {
        what: "the writer is gone".to_owned(),
    }
}
