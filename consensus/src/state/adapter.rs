//! openraft's state machine traits over a [`Hosted`](super::host::Hosted) machine.
#![expect(
    clippy::result_large_err,
    reason = "the error of openraft's traits, on paths that fail once"
)]

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use atp_storage::snapshot::SnapshotError;
use openraft::AsyncRuntime;
use openraft::storage::RaftStateMachine;
use openraft::{AnyError, EntryPayload, OptionalSend, RaftSnapshotBuilder};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use super::blocking::block;
use super::host::{AnyHost, EntryCommands};
use super::snapshots::Unusable;
use super::{Blocking, Position, SnapshotHandle, Snapshots};
use crate::log_store::Log;
use crate::runtime::Runtime;
use crate::types::{
    Entry, Metrics, Replies, Snapshot, SnapshotMeta, StorageError, StorageIOError, StoredMembership, Types,
};

/// The state machine of a group.
pub(crate) struct StateMachine {
    host: AnyHost,
    log: Log,
    position: Position,
    snapshots: Arc<Snapshots>,
    blocking: Arc<dyn Blocking>,
    /// Held while the state is saved: entries wait for it without holding up a thread.
    saving: Arc<Mutex<()>>,
    /// Set once the group runs.
    metrics: Arc<OnceLock<watch::Receiver<Metrics>>>,
}

impl StateMachine {
    /// The state of the last snapshot, if there is one.
    ///
    /// # Errors
    /// When the snapshot cannot be read.
    pub(crate) fn open(
        host: AnyHost,
        log: Log,
        snapshots: Arc<Snapshots>,
        blocking: Arc<dyn Blocking>,
        metrics: Arc<OnceLock<watch::Receiver<Metrics>>>,
    ) -> Result<Self, StorageError> {
        let mut position = Position::default();
        if let Some(latest) = snapshots.latest() {
            let pieces = snapshots.pieces(&latest).map_err(read_error)?;
            position = latest.position().clone();
            host.load(position.index(), &pieces).map_err(read_error)?;
            host.applied(position.index());
        }
        Ok(Self {
            host,
            log,
            position,
            snapshots,
            blocking,
            saving: Arc::default(),
            metrics,
        })
    }

    /// Index of the last entry applied; 0 for none.
    pub(crate) fn index(&self) -> u64 {
        self.position.index()
    }

    fn leads(&self) -> bool {
        self.metrics
            .get()
            .is_some_and(|metrics| metrics.borrow().state.is_leader())
    }

    fn apply_entry(&mut self, entry: Entry, leads: bool) -> Result<Replies, StorageError> {
        let index = entry.log_id.index;
        let replies = match entry.payload {
            EntryPayload::Blank => Replies::default(),
            EntryPayload::Normal(batch) => {
                let commands = EntryCommands {
                    index,
                    clock_us: self.position.clock_us,
                    proposed_at_us: batch.proposed_at_us,
                    commands: &batch.commands,
                    leads,
                };
                let (replies, clock_us) = self
                    .host
                    .apply(&commands)
                    .map_err(|error| StorageIOError::apply(entry.log_id, AnyError::new(&error)))?;
                self.position.clock_us = clock_us;
                Replies(replies)
            }
            EntryPayload::Membership(membership) => {
                self.position.membership = StoredMembership::new(Some(entry.log_id), membership);
                Replies::default()
            }
        };
        self.position.applied = Some(entry.log_id);
        self.host.applied(index);
        Ok(replies)
    }
}

impl RaftStateMachine<Types> for StateMachine {
    type SnapshotBuilder = Builder;

    async fn applied_state(
        &mut self,
    ) -> Result<(Option<crate::types::LogId>, StoredMembership), StorageError> {
        Ok((self.position.applied, self.position.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Replies>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        // The last of them is of the leader's term, and commits those before it: none is applied before it is durable
        // (docs/adr/0014).
        if let Some(last) = entries.last() {
            self.log.durable(last.log_id.index).await.map_err(write_error)?;
        }
        let saving = Arc::clone(&self.saving);
        let _saved = saving.lock().await;
        let leads = self.leads();
        entries
            .into_iter()
            .map(|entry| self.apply_entry(entry, leads))
            .collect()
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder {
            host: Arc::clone(&self.host),
            position: self.position.clone(),
            snapshots: Arc::clone(&self.snapshots),
            blocking: Arc::clone(&self.blocking),
            saving: Some(Arc::clone(&self.saving).lock_owned().await),
        }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<SnapshotHandle>, StorageError> {
        // Snapshots are received by `snapshots`, away from the state machine, and only installed here.
        Err(read_error(std::io::Error::other(
            "a snapshot is received as a file first",
        )))
    }

    async fn install_snapshot(
        &mut self,
        _meta: &SnapshotMeta,
        snapshot: Box<SnapshotHandle>,
    ) -> Result<(), StorageError> {
        let saving = Arc::clone(&self.saving);
        let _saved = saving.lock().await;
        let position = snapshot.position().clone();
        let (host, snapshots) = (Arc::clone(&self.host), Arc::clone(&self.snapshots));
        block(&*self.blocking, move || {
            let pieces = snapshots.pieces(&snapshot).map_err(read_error)?;
            host.load(snapshot.position().index(), &pieces)
                .map_err(read_error)?;
            snapshots.adopt(&snapshot).map_err(write_error)
        })
        .await
        .map_err(read_error)??;
        self.position = position;
        self.host.applied(self.position.index());
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, StorageError> {
        Ok(self.snapshots.latest().map(|handle| Snapshot {
            meta: handle.position().meta(),
            snapshot: Box::new(handle),
        }))
    }
}

/// How long a full disk is left alone before the snapshot is tried again.
const FULL_RETRY: Duration = Duration::from_secs(1);

/// Saves a state; entries wait until the state is in memory once more, not until it is on the disk. Waits while that is full.
pub(crate) struct Builder {
    host: AnyHost,
    position: Position,
    snapshots: Arc<Snapshots>,
    blocking: Arc<dyn Blocking>,
    saving: Option<OwnedMutexGuard<()>>,
}

impl RaftSnapshotBuilder<Types> for Builder {
    async fn build_snapshot(&mut self) -> Result<Snapshot, StorageError> {
        let (host, snapshots) = (Arc::clone(&self.host), Arc::clone(&self.snapshots));
        let (position, saving) = (self.position.clone(), self.saving.take());
        let saving_all = move || {
            let pieces = host.save();
            drop(saving);
            Arc::new(pieces)
        };
        let pieces = block(&*self.blocking, saving_all).await.map_err(write_error)?;
        // openraft ends a group whose snapshot fails, but it can go on without one until there is space again.
        let handle = loop {
            let (position, pieces) = (position.clone(), Arc::clone(&pieces));
            let snapshots = Arc::clone(&snapshots);
            match block(&*self.blocking, move || snapshots.write(&position, &pieces)).await {
                Ok(Err(Unusable::File(SnapshotError::Full))) => Runtime::sleep(FULL_RETRY).await,
                written => break written.map_err(write_error)?.map_err(write_error)?,
            }
        };
        Ok(Snapshot {
            meta: handle.position().meta(),
            snapshot: Box::new(handle),
        })
    }
}

fn read_error(error: impl std::error::Error + 'static) -> StorageError {
    StorageIOError::read_state_machine(AnyError::new(&error)).into()
}

fn write_error(error: impl std::error::Error + 'static) -> StorageError {
    StorageIOError::write_snapshot(None, AnyError::new(&error)).into()
}
