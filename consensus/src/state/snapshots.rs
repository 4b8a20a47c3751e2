//! The snapshots of a group.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atp_protocol::cluster::GroupId;
use atp_protocol::encoding;

use super::Position;

/// Why a snapshot cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SnapshotError(String);

/// A whole snapshot.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotHandle {
    position: Position,
    bytes: Arc<Vec<u8>>,
}

impl SnapshotHandle {
    /// Where it stands.
    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// What its bytes must hash to.
    pub(crate) fn digest(&self) -> [u8; 32] {
        *blake3::hash(&self.bytes).as_bytes()
    }
}

/// The snapshots of a group: the latest, and one that is being received.
pub(crate) struct Snapshots {
    group: GroupId,
    latest: Mutex<Option<SnapshotHandle>>,
}

impl Snapshots {
    pub(crate) fn new(group: GroupId) -> Self {
        Self {
            group,
            latest: Mutex::default(),
        }
    }

    fn locked(&self) -> MutexGuard<'_, Option<SnapshotHandle>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn latest(&self) -> Result<Option<SnapshotHandle>, SnapshotError> {
        Ok(self.locked().clone())
    }

    pub(crate) fn pieces(&self, snapshot: &SnapshotHandle) -> Result<Vec<Vec<u8>>, SnapshotError> {
        encoding::decode(&snapshot.bytes)
            .map_err(|error| SnapshotError(format!("snapshot of {}: {error}", self.group)))
    }

    pub(crate) fn write(
        &self,
        position: Position,
        pieces: &[Vec<u8>],
    ) -> Result<SnapshotHandle, SnapshotError> {
        let mut bytes = Vec::new();
        encoding::encode_into(&pieces, &mut bytes).map_err(|error| SnapshotError(error.to_string()))?;
        let handle = SnapshotHandle {
            position,
            bytes: Arc::new(bytes),
        };
        self.adopt(&handle)?;
        Ok(handle)
    }

    pub(crate) fn adopt(&self, snapshot: &SnapshotHandle) -> Result<(), SnapshotError> {
        *self.locked() = Some(snapshot.clone());
        Ok(())
    }

    pub(crate) fn bytes(
        &self,
        snapshot: &SnapshotHandle,
        offset: u64,
        max: usize,
    ) -> Result<Vec<u8>, SnapshotError> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = snapshot.bytes.get(from..).unwrap_or_default();
        Ok(rest[..rest.len().min(max)].to_vec())
    }

    pub(crate) fn received(
        &self,
        position: Position,
        bytes: Vec<u8>,
        digest: [u8; 32],
    ) -> Result<SnapshotHandle, SnapshotError> {
        let handle = SnapshotHandle {
            position,
            bytes: Arc::new(bytes),
        };
        if handle.digest() != digest {
            return Err(SnapshotError(
                "the snapshot received is not the one that was offered".to_owned(),
            ));
        }
        Ok(handle)
    }
}
