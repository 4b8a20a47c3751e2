//! Receives a snapshot piece by piece. An interrupted one is continued where it ended, also from another leader and after a restart: at
//! one index all members have the same state, and it is written in the same bytes. Where it is not so, the digest at its end says it, and
//! it comes anew.

use std::sync::Arc;

use atp_storage::snapshot::{Received, SnapshotError};
use tokio::sync::Mutex;

use super::blocking::{Dropped, block};
use super::snapshots::Unusable;
use super::{Blocking, Snapshots};
use crate::types::Snapshot;

/// Why a piece is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiveError {
    #[error("no snapshot was offered")]
    NotOffered,
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error(transparent)]
    Dropped(#[from] Dropped),
}

impl From<SnapshotError> for ReceiveError {
    fn from(error: SnapshotError) -> Self {
        Self::Unusable(error.into())
    }
}

struct Part {
    index: u64,
    /// How long it will be.
    len: u64,
    file: Received,
}

/// Receives the snapshots of a group, one at a time.
pub(crate) struct Receiver {
    snapshots: Arc<Snapshots>,
    blocking: Arc<dyn Blocking>,
    part: Arc<Mutex<Option<Part>>>,
}

impl Receiver {
    pub(crate) fn new(snapshots: Arc<Snapshots>, blocking: Arc<dyn Blocking>) -> Self {
        Self {
            snapshots,
            blocking,
            part: Arc::default(),
        }
    }

    /// What takes its time is carried out there.
    pub(crate) fn blocking(&self) -> Arc<dyn Blocking> {
        Arc::clone(&self.blocking)
    }

    /// A snapshot is to come, `len` bytes long, of the state at an index. Returns how many of its bytes are there.
    pub(crate) async fn offer(&self, index: u64, len: u64) -> Result<u64, ReceiveError> {
        let snapshots = Arc::clone(&self.snapshots);
        self.with_part(move |part| {
            *part = None;
            let mut file = snapshots.receive(index)?;
            if file.len() > len {
                file.discard()?;
                file = snapshots.receive(index)?;
            }
            let there = file.len();
            *part = Some(Part { index, len, file });
            Ok(there)
        })
        .await
    }

    /// Takes bytes of the snapshot at an index. Returns how many are there: what is taken follows what is there, all else is asked for
    /// again.
    pub(crate) async fn chunk(&self, index: u64, offset: u64, bytes: Vec<u8>) -> Result<u64, ReceiveError> {
        self.with_part(move |part| {
            let part = offered(part, index)?;
            if part.file.len() == offset && offset + bytes.len() as u64 <= part.len {
                part.file.append(&bytes)?;
            }
            Ok(part.file.len())
        })
        .await
    }

    /// Checks the whole. What is wrong is forgotten, and comes again.
    pub(crate) async fn finish(&self, index: u64) -> Result<Snapshot, ReceiveError> {
        let snapshots = Arc::clone(&self.snapshots);
        self.with_part(move |part| {
            offered(part, index)?;
            let whole = part.take().ok_or(ReceiveError::NotOffered)?;
            whole.file.finish()?;
            let handle = snapshots.received(index)?;
            Ok(Snapshot {
                meta: handle.position().meta(),
                snapshot: Box::new(handle),
            })
        })
        .await
    }

    async fn with_part<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Option<Part>) -> Result<T, ReceiveError> + Send + 'static,
    ) -> Result<T, ReceiveError> {
        let mut part = Arc::clone(&self.part).lock_owned().await;
        block(&*self.blocking, move || work(&mut part)).await?
    }
}

fn offered(part: &mut Option<Part>, index: u64) -> Result<&mut Part, ReceiveError> {
    part.as_mut()
        .filter(|part| part.index == index)
        .ok_or(ReceiveError::NotOffered)
}
