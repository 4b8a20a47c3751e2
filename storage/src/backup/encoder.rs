//! Writing a backup.

use super::{
    BackupError, CRC, DIGEST, END, END_HEAD, FORMAT, GROUP, GROUP_HEAD, HEADER, MAGIC, MAX_METADATA,
};

/// Makes the bytes of a backup, to be put one after the other: the header, then for each group its head and its snapshot, then the end.
#[derive(Debug, Default)]
pub struct Encoder {
    digest: blake3::Hasher,
    len: u64,
}

impl Encoder {
    /// The length of a backup whose metadata and snapshots are so long.
    #[must_use]
    pub fn len_of(metadata: usize, snapshots: &[u64]) -> u64 {
        let heads = snapshots.len() * GROUP_HEAD;
        let own = HEADER + metadata + CRC + heads + END_HEAD + DIGEST;
        own as u64 + snapshots.iter().sum::<u64>()
    }

    /// The header.
    ///
    /// # Errors
    /// [`BackupError::TooLarge`].
    pub fn header(&mut self, groups: u16, metadata: &[u8]) -> Result<Vec<u8>, BackupError> {
        if metadata.len() > MAX_METADATA {
            return Err(BackupError::TooLarge { len: metadata.len() });
        }
        let mut bytes = Vec::with_capacity(HEADER + metadata.len() + CRC);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&groups.to_le_bytes());
        bytes.extend_from_slice(&(metadata.len() as u32).to_le_bytes());
        bytes.extend_from_slice(metadata);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        self.content(&bytes);
        Ok(bytes)
    }

    /// What goes before the snapshot of a group, which is `len` bytes long.
    pub fn group(&mut self, group: u16, len: u64) -> Vec<u8> {
        let mut bytes = vec![GROUP];
        bytes.extend_from_slice(&group.to_le_bytes());
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        self.content(&bytes);
        bytes
    }

    /// Counts bytes of a snapshot, which are sent as they are.
    pub fn content(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.len += bytes.len() as u64;
    }

    /// The end.
    #[must_use]
    pub fn end(mut self) -> Vec<u8> {
        let mut bytes = vec![END];
        bytes.extend_from_slice(&self.len.to_le_bytes());
        self.content(&bytes);
        bytes.extend_from_slice(self.digest.finalize().as_bytes());
        bytes
    }
}
