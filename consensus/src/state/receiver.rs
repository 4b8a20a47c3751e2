//! Receives a snapshot piece by piece. An interrupted one is continued where it ended, also from another leader, as long as it is the
//! same.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::snapshots::SnapshotError;
use super::{Blocking, Position, Snapshots};
use crate::types::Snapshot;

/// Why a piece is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiveError {
    #[error("no snapshot was offered")]
    NotOffered,
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

struct Part {
    position: Position,
    len: u64,
    digest: [u8; 32],
    bytes: Vec<u8>,
}

/// Receives the snapshots of a group, one at a time.
pub(crate) struct Receiver {
    snapshots: Arc<Snapshots>,
    part: Mutex<Option<Part>>,
}

impl Receiver {
    pub(crate) fn new(snapshots: Arc<Snapshots>, _blocking: Arc<dyn Blocking>) -> Self {
        Self {
            snapshots,
            part: Mutex::default(),
        }
    }

    /// A snapshot is to come. Returns how many of its bytes are there.
    pub(crate) async fn offer(
        &self,
        position: Position,
        len: u64,
        digest: [u8; 32],
    ) -> Result<u64, ReceiveError> {
        let mut part = self.part.lock().await;
        match &*part {
            Some(same) if same.digest == digest && same.len == len => {}
            _ => {
                *part = Some(Part {
                    position,
                    len,
                    digest,
                    bytes: Vec::new(),
                });
            }
        }
        Ok(part.as_ref().map_or(0, |part| part.bytes.len() as u64))
    }

    /// Takes bytes. Returns how many are there: what is taken follows what is there, all else is asked for again.
    pub(crate) async fn chunk(&self, offset: u64, bytes: Vec<u8>) -> Result<u64, ReceiveError> {
        let mut part = self.part.lock().await;
        let part = part.as_mut().ok_or(ReceiveError::NotOffered)?;
        if part.bytes.len() as u64 == offset && offset + bytes.len() as u64 <= part.len {
            part.bytes.extend_from_slice(&bytes);
        }
        Ok(part.bytes.len() as u64)
    }

    /// Checks the whole. What is wrong is forgotten, and comes again.
    pub(crate) async fn finish(&self) -> Result<Snapshot, ReceiveError> {
        let part = self.part.lock().await.take().ok_or(ReceiveError::NotOffered)?;
        let handle = self.snapshots.received(part.position, part.bytes, part.digest)?;
        Ok(Snapshot {
            meta: handle.position().meta(),
            snapshot: Box::new(handle),
        })
    }
}
