//! Reading a backup.

use std::io::{ErrorKind, Read};

use super::{
    BackupError, CRC, DIGEST, END, END_HEAD, FORMAT, GROUP, GROUP_HEAD, HEADER, MAGIC, MAX_METADATA,
};

/// Bytes read at once of what nobody wants.
const SKIPPED: usize = 64 * 1024;

/// A backup that is read from its beginning to its end. What was read is known to be right once [`Self::next_group`] has returned `None`.
#[derive(Debug)]
pub struct BackupReader<R> {
    source: R,
    digest: blake3::Hasher,
    /// Bytes read.
    offset: u64,
    /// Bytes of the current group that are to come.
    left: u64,
    /// Groups to come.
    groups: u16,
    metadata: Vec<u8>,
}

impl<R: Read> BackupReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn open(source: R) -> Result<Self, BackupError> {
        let mut reader = Self {
            source,
            digest: blake3::Hasher::new(),
            offset: 0,
            left: 0,
            groups: 0,
            metadata: Vec::new(),
        };
        let start = reader.take(HEADER)?;
        let half = |at: usize| u16::from_le_bytes([start[at], start[at + 1]]);
        if !start.starts_with(MAGIC) {
            return Err(BackupError::Foreign);
        }
        if half(8) != FORMAT {
            return Err(BackupError::Format {
                found: half(8),
                known: FORMAT,
            });
        }
        let len = u32::from_le_bytes([start[12], start[13], start[14], start[15]]) as usize;
        if len > MAX_METADATA {
            return Err(corrupt(12, "its metadata is too long"));
        }
        let metadata = reader.take(len)?;
        let crc = reader.take(CRC)?;
        if crc != crc32fast::hash(&[start.as_slice(), &metadata].concat()).to_le_bytes() {
            return Err(corrupt(0, "the header has a wrong checksum"));
        }
        reader.groups = half(10);
        reader.metadata = metadata;
        Ok(reader)
    }

    /// What the writer wrote about it.
    #[must_use]
    pub fn metadata(&self) -> &[u8] {
        &self.metadata
    }

    /// The next group with the length of its snapshot in bytes; what is left of the one before is skipped. `None` when that was the last and
    /// the file is whole.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn next_group(&mut self) -> Result<Option<(u16, u64)>, BackupError> {
        while self.read(SKIPPED)?.is_some() {}
        let offset = self.offset;
        let Some(groups) = self.groups.checked_sub(1) else {
            return self.end(offset).map(|()| None);
        };
        let head = self.take(GROUP_HEAD)?;
        let (body, crc) = head.split_at(GROUP_HEAD - CRC);
        if body[0] != GROUP || crc != crc32fast::hash(body).to_le_bytes() {
            return Err(corrupt(offset, "no group begins here"));
        }
        self.groups = groups;
        self.left = u64::from_le_bytes(body[3..11].try_into().expect("eight bytes"));
        Ok(Some((u16::from_le_bytes([body[1], body[2]]), self.left)))
    }

    /// At most `max` bytes more of the current group's snapshot; `None` at its end.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn read(&mut self, max: usize) -> Result<Option<Vec<u8>>, BackupError> {
        let len = max.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if len == 0 {
            return Ok(None);
        }
        let bytes = self.take(len)?;
        self.left -= len as u64;
        Ok(Some(bytes))
    }

    /// Reads all that is left and checks it.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn verify(mut self) -> Result<(), BackupError> {
        while self.next_group()?.is_some() {}
        Ok(())
    }

    fn end(&mut self, offset: u64) -> Result<(), BackupError> {
        let head = self.take(END_HEAD)?;
        let expected = self.digest.finalize();
        let digest = self.take(DIGEST)?;
        let is_whole = head[0] == END && head[1..] == offset.to_le_bytes() && digest == expected.as_bytes();
        if !is_whole {
            return Err(corrupt(offset, "the digest or the length is wrong"));
        }
        match self.source.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(corrupt(self.offset, "there is something after the end")),
            Err(error) => Err(BackupError::Read(error)),
        }
    }

    fn take(&mut self, len: usize) -> Result<Vec<u8>, BackupError> {
        let mut bytes = vec![0; len];
        self.source
            .read_exact(&mut bytes)
            .map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof if self.offset == 0 => BackupError::Foreign,
                ErrorKind::UnexpectedEof => BackupError::Truncated { len: self.offset },
                _ => BackupError::Read(error),
            })?;
        self.digest.update(&bytes);
        self.offset += len as u64;
        Ok(bytes)
    }
}

const fn corrupt(offset: u64, what: &'static str) -> BackupError {
    BackupError::Corrupt { offset, what }
}
