//! Taking in a snapshot that another node sends.

use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;

use super::{Id, SnapshotError, SnapshotReader};
use crate::disk::{Disk, DiskFile};

/// What was received of a snapshot. Stays when this is dropped, to be gone on with.
pub struct Received {
    disk: Arc<dyn Disk>,
    id: Id,
    file: Box<dyn DiskFile>,
    len: u64,
}

impl fmt::Debug for Received {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Received")
            .field("id", &self.id)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl Received {
    pub(super) fn open(disk: Arc<dyn Disk>, id: Id) -> Result<Self, SnapshotError> {
        let name = id.part();
        let file = match disk.open(&name) {
            Err(error) if error.kind() == ErrorKind::NotFound => disk.create(&name),
            opened => opened,
        };
        let file = file.map_err(SnapshotError::disk("open", &name))?;
        let len = disk.open_block(&name).and_then(|file| file.len());
        Ok(Self {
            len: len.map_err(SnapshotError::disk("read", &name))?,
            disk,
            id,
            file,
        })
    }

    /// Bytes received so far: what is to come begins at this offset of the file.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was received yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds bytes of the file, the next ones in order.
    ///
    /// # Errors
    /// [`SnapshotError`]; what there is then, [`Snapshots::receive`](super::Snapshots::receive) tells.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let written = self.file.append(bytes);
        written.map_err(SnapshotError::disk("write", &self.id.part()))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Everything was received: checks the whole and gives it its name. It survives a power failure when this returns `Ok`.
    ///
    /// # Errors
    /// [`SnapshotError::Corrupt`] and [`SnapshotError::Format`] when it is not a whole snapshot of this group; it is then removed, to be
    /// received from its beginning. Else as the disk says.
    pub fn finish(mut self) -> Result<(), SnapshotError> {
        let name = self.id.part();
        self.file.sync().map_err(SnapshotError::disk("sync", &name))?;
        let checked = SnapshotReader::open(&*self.disk, self.id.group, name.clone())
            .and_then(|mut reader| reader.verify());
        if let Err(error) = checked {
            if matches!(
                error,
                SnapshotError::Corrupt { .. } | SnapshotError::Format { .. }
            ) {
                self.disk
                    .remove(&name)
                    .map_err(SnapshotError::disk("remove", &name))?;
            }
            return Err(error);
        }
        let renamed = self.disk.rename(&name, &self.id.file());
        renamed.map_err(SnapshotError::disk("rename", &name))?;
        self.disk.sync_names().map_err(SnapshotError::disk("sync", "."))
    }

    /// Removes what was received, because something else is sent.
    ///
    /// # Errors
    /// [`SnapshotError::Disk`].
    pub fn discard(self) -> Result<(), SnapshotError> {
        let name = self.id.part();
        self.disk
            .remove(&name)
            .map_err(SnapshotError::disk("remove", &name))
    }
}
