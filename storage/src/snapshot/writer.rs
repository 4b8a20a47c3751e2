//! Writing a snapshot.

use std::fmt;
use std::sync::Arc;

use super::layout::{self, MAX_CHUNK, MAX_METADATA};
use super::{Id, SnapshotError};
use crate::disk::{Disk, DiskFile};

/// A snapshot that is being written. Dropped before [`Self::finish`], what there is of it is removed when its group writes it again or
/// has a later one.
pub struct SnapshotWriter {
    disk: Arc<dyn Disk>,
    id: Id,
    file: Box<dyn DiskFile>,
    digest: blake3::Hasher,
    /// Bytes written.
    len: u64,
    chunks: u64,
    content: u64,
}

impl fmt::Debug for SnapshotWriter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SnapshotWriter")
            .field("id", &self.id)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl SnapshotWriter {
    pub(super) fn create(disk: Arc<dyn Disk>, id: Id, metadata: &[u8]) -> Result<Self, SnapshotError> {
        check("metadata", metadata.len(), MAX_METADATA)?;
        let name = id.unfinished();
        let file = disk.create(&name).map_err(SnapshotError::disk("create", &name))?;
        let mut writer = Self {
            disk,
            id,
            file,
            digest: blake3::Hasher::new(),
            len: 0,
            chunks: 0,
            content: 0,
        };
        writer.write(&layout::header(id.group, metadata))?;
        Ok(writer)
    }

    /// Adds a chunk; whoever reads it gets the same chunks.
    ///
    /// # Errors
    /// [`SnapshotError`]. After any but [`SnapshotError::TooLarge`] drop this and begin anew.
    pub fn append(&mut self, chunk: &[u8]) -> Result<(), SnapshotError> {
        check("chunk", chunk.len(), MAX_CHUNK)?;
        self.write(&layout::chunk(self.len, chunk))?;
        self.chunks += 1;
        self.content += chunk.len() as u64;
        Ok(())
    }

    /// Ends the snapshot and gives it its name. It survives a power failure when this returns `Ok` with its length in bytes.
    ///
    /// # Errors
    /// [`SnapshotError`]; begin anew.
    pub fn finish(mut self) -> Result<u64, SnapshotError> {
        self.write(&layout::end(self.chunks, self.content))?;
        let digest = self.digest.finalize();
        self.write(digest.as_bytes())?;
        let name = self.id.unfinished();
        self.file.sync().map_err(SnapshotError::disk("sync", &name))?;
        let renamed = self.disk.rename(&name, &self.id.file());
        renamed.map_err(SnapshotError::disk("rename", &name))?;
        self.disk.sync_names().map_err(SnapshotError::disk("sync", "."))?;
        Ok(self.len)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let written = self.file.append(bytes);
        written.map_err(SnapshotError::disk("write", &self.id.unfinished()))?;
        self.digest.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }
}

fn check(what: &'static str, len: usize, max: usize) -> Result<(), SnapshotError> {
    match len <= max {
        true => Ok(()),
        false => Err(SnapshotError::TooLarge { what, len, max }),
    }
}
