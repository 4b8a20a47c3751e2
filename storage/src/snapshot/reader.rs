//! Reading a snapshot.

use std::io::ErrorKind;

use super::SnapshotError;
use super::layout::{
    self, CHUNK, CHUNK_HEAD, CRC, DIGEST, END, FORMAT, HEADER, Header, MAGIC, MAX_CHUNK, MAX_METADATA, TOTALS,
};
use crate::disk::{BlockFile, Disk};

/// A whole snapshot. Stays readable when its name is removed meanwhile.
#[derive(Debug)]
pub struct SnapshotReader {
    name: String,
    file: Box<dyn BlockFile>,
    /// Length of the file in bytes.
    len: u64,
    header: Header,
    /// What was read of the file so far.
    digest: blake3::Hasher,
    offset: u64,
    chunks: u64,
    content: u64,
    is_done: bool,
}

impl SnapshotReader {
    pub(super) fn open(disk: &dyn Disk, group: u16, name: String) -> Result<Self, SnapshotError> {
        // a file opened to be read in place is made if missing
        disk.read_start(&name, 1)
            .map_err(SnapshotError::disk("read", &name))?;
        let file = disk
            .open_block(&name)
            .map_err(SnapshotError::disk("open", &name))?;
        let len = file.len().map_err(SnapshotError::disk("read", &name))?;
        let mut reader = Self {
            name,
            file,
            len,
            header: Header {
                format: FORMAT,
                group,
                metadata: Vec::new(),
            },
            digest: blake3::Hasher::new(),
            offset: 0,
            chunks: 0,
            content: 0,
            is_done: false,
        };
        reader.read_header(group)?;
        Ok(reader)
    }

    /// What it says of itself.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Length of the file in bytes.
    #[must_use]
    pub const fn file_len(&self) -> u64 {
        self.len
    }

    /// The next chunk; `None` when that was the last and the file is whole: totals and digest are checked then.
    ///
    /// # Errors
    /// [`SnapshotError::Corrupt`] with the offset of the damage; the chunks before it are right.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, SnapshotError> {
        if self.is_done {
            return Ok(None);
        }
        let offset = self.offset;
        match self.take(1)?[0] {
            CHUNK => {
                let chunk = self.read_chunk(offset)?;
                self.chunks += 1;
                self.content += chunk.len() as u64;
                Ok(Some(chunk))
            }
            END => {
                self.read_end(offset)?;
                self.is_done = true;
                Ok(None)
            }
            _ => Err(self.corrupt(offset, "neither a chunk nor the end begins here")),
        }
    }

    /// Reads all of it and checks it. The next chunk is then the first again.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn verify(&mut self) -> Result<(), SnapshotError> {
        self.rewind()?;
        while self.next_chunk()?.is_some() {}
        self.rewind()
    }

    /// At most `max` bytes of the file from `offset` on, as they are, to be sent; none at its end. Nothing is checked.
    ///
    /// # Errors
    /// [`SnapshotError::Disk`].
    pub fn read_raw(&self, offset: u64, max: usize) -> Result<Vec<u8>, SnapshotError> {
        let left = self.len.saturating_sub(offset);
        let mut bytes = vec![0; max.min(usize::try_from(left).unwrap_or(usize::MAX))];
        let read = self.file.read_at(offset, &mut bytes);
        read.map_err(SnapshotError::disk("read", &self.name))?;
        Ok(bytes)
    }

    fn rewind(&mut self) -> Result<(), SnapshotError> {
        (self.offset, self.chunks, self.content, self.is_done) = (0, 0, 0, false);
        self.digest.reset();
        self.read_header(self.header.group)
    }

    fn read_header(&mut self, group: u16) -> Result<(), SnapshotError> {
        let start = self.take(HEADER)?;
        let half = |at: usize| u16::from_le_bytes([start[at], start[at + 1]]);
        if !start.starts_with(MAGIC) {
            return Err(self.corrupt(0, "it is not a snapshot"));
        }
        if half(8) > FORMAT {
            return Err(SnapshotError::Format {
                file: self.name.clone(),
                found: half(8),
                known: FORMAT,
            });
        }
        let len = u32::from_le_bytes([start[12], start[13], start[14], start[15]]) as usize;
        if len > MAX_METADATA {
            return Err(self.corrupt(12, "its metadata is too long"));
        }
        let metadata = self.take(len)?;
        let crc = self.take(CRC)?;
        if crc != crc32fast::hash(&[start.as_slice(), &metadata].concat()).to_le_bytes() {
            return Err(self.corrupt(0, "the header has a wrong checksum"));
        }
        if half(10) != group {
            return Err(self.corrupt(10, "it belongs to another group than its name says"));
        }
        self.header = Header {
            format: half(8),
            group,
            metadata,
        };
        Ok(())
    }

    fn read_chunk(&mut self, offset: u64) -> Result<Vec<u8>, SnapshotError> {
        let head = self.take(CHUNK_HEAD)?;
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let len = word(0) as usize;
        if len > MAX_CHUNK {
            return Err(self.corrupt(offset, "the chunk is too long"));
        }
        let chunk = self.take(len)?;
        match layout::chunk_crc(offset, &chunk) == word(4) {
            true => Ok(chunk),
            false => Err(self.corrupt(offset, "the chunk has a wrong checksum")),
        }
    }

    fn read_end(&mut self, offset: u64) -> Result<(), SnapshotError> {
        let totals = self.take(TOTALS)?;
        let expected = self.digest.finalize();
        let digest = self.take(DIGEST)?;
        let is_whole = totals == layout::end(self.chunks, self.content)[1..] && digest == expected.as_bytes();
        if !is_whole {
            return Err(self.corrupt(offset, "the digest or the totals are wrong"));
        }
        match self.offset == self.len {
            true => Ok(()),
            false => Err(self.corrupt(self.offset, "there is something after the end")),
        }
    }

    /// The next `len` bytes.
    fn take(&mut self, len: usize) -> Result<Vec<u8>, SnapshotError> {
        let mut bytes = vec![0; len];
        match self.file.read_at(self.offset, &mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(self.corrupt(self.len, "it ends too early"));
            }
            Err(error) => return Err(SnapshotError::disk("read", &self.name)(error)),
        }
        self.digest.update(&bytes);
        self.offset += len as u64;
        Ok(bytes)
    }

    fn corrupt(&self, offset: u64, what: &'static str) -> SnapshotError {
        SnapshotError::Corrupt {
            file: self.name.clone(),
            offset,
            what,
        }
    }
}
