//! The snapshots of a group, as files.
//!
//! ```text
//! metadata   where the state stands: `position`
//! chunk      0 or 1, bytes                          1 if a piece of the state ends with these bytes
//! ```

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atp_protocol::cluster::GroupId;
use atp_storage::snapshot::{self, Id, MAX_CHUNK, SnapshotError, SnapshotReader};

use super::Position;
use crate::version::{Agreed, Gate, Later};
use crate::wire::FormError;

/// Before bytes that end no piece.
const MORE: u8 = 0;
/// Before bytes that end a piece.
const LAST: u8 = 1;

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error(transparent)]
    File(#[from] SnapshotError),
    #[error("the metadata of snapshot {id}: {source}")]
    Metadata { id: Id, source: FormError },
    #[error("snapshot {id}: {later}")]
    Later { id: Id, later: Later },
}

/// A whole snapshot. Its bytes can be read as long as this exists.
#[derive(Clone)]
pub(crate) struct SnapshotHandle {
    id: Id,
    position: Position,
    /// The cluster's version when it was written.
    agreed: Agreed,
    file: Arc<SnapshotReader>,
}

impl fmt::Debug for SnapshotHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SnapshotHandle").field(&self.id).finish()
    }
}

impl SnapshotHandle {
    /// Where it stands.
    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.file.file_len()
    }

    /// At most `max` of its bytes.
    pub(crate) fn bytes(&self, offset: u64, max: usize) -> Result<Vec<u8>, SnapshotError> {
        self.file.read_raw(offset, max)
    }
}

/// The snapshots of a group. Only the latest is kept.
pub(crate) struct Snapshots {
    group: GroupId,
    files: snapshot::Snapshots,
    gate: Gate,
    latest: Mutex<Option<SnapshotHandle>>,
}

impl Snapshots {
    /// The latest that there is, unread.
    pub(crate) fn open(group: GroupId, files: snapshot::Snapshots, gate: Gate) -> Result<Self, Unusable> {
        let snapshots = Self {
            group,
            files,
            gate,
            latest: Mutex::default(),
        };
        let ids = snapshots.files.list()?;
        if let Some(id) = ids.into_iter().filter(|id| id.group == group.0).max() {
            // A power failure brings back what was removed.
            snapshots.adopt(&snapshots.handle(id)?)?;
        }
        Ok(snapshots)
    }

    fn locked(&self) -> MutexGuard<'_, Option<SnapshotHandle>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, id: Id) -> Result<SnapshotHandle, Unusable> {
        let file = self.files.open(id)?;
        let (position, agreed) =
            Position::decode(&file.header().metadata).map_err(|source| Unusable::Metadata { id, source })?;
        Ok(SnapshotHandle {
            id,
            position,
            agreed,
            file: Arc::new(file),
        })
    }

    /// The id of a snapshot at an index.
    fn id(&self, index: u64) -> Id {
        Id {
            group: self.group.0,
            number: index,
        }
    }

    pub(crate) fn latest(&self) -> Option<SnapshotHandle> {
        self.locked().clone()
    }

    /// The state in it; the whole file is checked.
    ///
    /// # Errors
    /// [`Unusable::Later`] for what this release does not read.
    pub(crate) fn pieces(&self, snapshot: &SnapshotHandle) -> Result<Vec<Vec<u8>>, Unusable> {
        let id = snapshot.id;
        let read = self.gate.check(&snapshot.agreed);
        read.map_err(|later| Unusable::Later { id, later })?;
        let mut file = self.files.open(snapshot.id)?;
        let mut pieces = Vec::new();
        let mut piece = Vec::new();
        while let Some(chunk) = file.next_chunk()? {
            let Some((kind, bytes)) = chunk.split_first() else {
                continue;
            };
            piece.extend_from_slice(bytes);
            if *kind == LAST {
                pieces.push(std::mem::take(&mut piece));
            }
        }
        Ok(pieces)
    }

    /// Writes a snapshot. It is durable, and the latest, when this returns.
    pub(crate) fn write(&self, position: &Position, pieces: &[Vec<u8>]) -> Result<SnapshotHandle, Unusable> {
        let id = self.id(position.index());
        let mut writer = self.files.create(id, &position.encode(self.gate.agreed()))?;
        for piece in pieces {
            let mut rest = piece.as_slice();
            loop {
                let (bytes, behind) = rest.split_at(rest.len().min(MAX_CHUNK - 1));
                let kind = if behind.is_empty() { LAST } else { MORE };
                writer.append(&[&[kind], bytes].concat())?;
                if behind.is_empty() {
                    break;
                }
                rest = behind;
            }
        }
        writer.finish()?;
        let handle = self.handle(id)?;
        self.adopt(&handle)?;
        Ok(handle)
    }

    /// Makes a snapshot the latest, and removes those before it.
    pub(crate) fn adopt(&self, snapshot: &SnapshotHandle) -> Result<(), SnapshotError> {
        *self.locked() = Some(snapshot.clone());
        self.files.remove_before(snapshot.id)?;
        Ok(())
    }

    /// Goes on with what was received of a snapshot.
    pub(super) fn receive(&self, index: u64) -> Result<snapshot::Received, SnapshotError> {
        self.files.receive(self.id(index))
    }

    /// A snapshot that was received.
    pub(super) fn received(&self, index: u64) -> Result<SnapshotHandle, Unusable> {
        self.handle(self.id(index))
    }
}

#[cfg(test)]
mod tests {
    use atp_storage::disk::{Loss, MemoryDisk};

    use super::*;
    use crate::types::LogId;

    fn position(index: u64) -> Position {
        Position {
            applied: Some(LogId::new(openraft::CommittedLeaderId::new(2, 1), index)),
            clock_us: 77,
            ..Position::default()
        }
    }

    #[test]
    fn a_snapshot_is_read_as_it_was_written_whatever_the_size_of_its_pieces() {
        let disk = MemoryDisk::new();
        let open = || {
            let files = snapshot::Snapshots::new(Arc::new(disk.clone()));
            Snapshots::open(GroupId(3), files, Gate::new(1)).unwrap()
        };
        let pieces = [
            vec![1; 10],
            Vec::new(),
            vec![2; 2 * MAX_CHUNK],
            vec![3; MAX_CHUNK - 1],
        ];
        open().write(&position(8), &pieces[..1]).unwrap();
        open().write(&position(9), &pieces).unwrap();
        disk.power_loss(Loss::Tail { kept: 0 });
        let snapshots = open();
        let latest = snapshots.latest().unwrap();
        assert_eq!(latest.position(), &position(9));
        assert_eq!(snapshots.pieces(&latest).unwrap(), pieces);
        assert_eq!(snapshots.files.list().unwrap().len(), 1);
    }
}
