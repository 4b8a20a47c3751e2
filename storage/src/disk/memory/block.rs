//! A file written in place: what is durable of it, and what was written since.

use std::io::{self, ErrorKind};

use super::{BlockFile, Loss, MemoryDisk, State};

/// Written whole or not at all by the device.
const SECTOR: usize = 512;

/// What the device has, and what it was asked to write since the last sync, in that order.
#[derive(Debug)]
pub(super) struct Image {
    durable: Vec<u8>,
    unsynced: Vec<Write>,
}

#[derive(Debug)]
pub(super) enum Write {
    At { offset: usize, bytes: Vec<u8> },
    Len(usize),
}

impl Write {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::At { offset, bytes } => put(to, *offset, bytes),
            Self::Len(len) => to.resize(*len, 0),
        }
    }
}

fn put(to: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if to.len() < end {
        to.resize(end, 0);
    }
    to[offset..end].copy_from_slice(bytes);
}

impl Image {
    pub(super) fn note(&mut self, write: Write) {
        self.unsynced.push(write);
    }

    pub(super) fn sync(&mut self) {
        for write in self.unsynced.drain(..) {
            write.apply(&mut self.durable);
        }
    }

    /// The power fails. Returns what the file holds then.
    pub(super) fn lose(&mut self, loss: Loss) -> Vec<u8> {
        let unsynced = std::mem::take(&mut self.unsynced);
        match loss {
            Loss::Tail { kept } | Loss::Zeros { kept } => self.keep_first(kept, &unsynced),
            Loss::Scattered { seed } => self.keep_some(Loss::scatter(seed), &unsynced),
        }
        self.durable.clone()
    }

    fn keep_first(&mut self, mut kept: usize, unsynced: &[Write]) {
        for write in unsynced {
            match write {
                Write::Len(_) => write.apply(&mut self.durable),
                Write::At { offset, bytes } => {
                    let len = bytes.len().min(kept);
                    put(&mut self.durable, *offset, &bytes[..len]);
                    kept -= len;
                    if len < bytes.len() {
                        return;
                    }
                }
            }
        }
    }

    /// Lengths are lost like sectors are; what was written behind the end that is left is gone.
    fn keep_some(&mut self, mut is_kept: impl FnMut() -> bool, unsynced: &[Write]) {
        let lengths = unsynced.iter().filter(|write| matches!(write, Write::Len(_)));
        for write in lengths {
            if is_kept() {
                write.apply(&mut self.durable);
            }
        }
        for write in unsynced {
            let Write::At { offset, bytes } = write else {
                continue;
            };
            for (at, sector) in sectors(*offset, bytes) {
                if is_kept() && at + sector.len() <= self.durable.len() {
                    put(&mut self.durable, at, sector);
                }
            }
        }
    }

    pub(super) fn invert(&mut self, offset: usize) {
        if let Some(byte) = self.durable.get_mut(offset) {
            *byte = !*byte;
        }
    }
}

/// The parts of a write that each lie in one sector.
fn sectors(offset: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = offset;
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let len = rest.len().min(SECTOR - at % SECTOR);
        let (sector, after) = rest.split_at(len);
        let found = (at, sector);
        (at, rest) = (at + len, after);
        (len > 0).then_some(found)
    })
}

/// A handle to such a file.
#[derive(Debug)]
pub(super) struct MemoryBlock {
    disk: MemoryDisk,
    inode: usize,
    boot: u64,
}

impl MemoryBlock {
    pub(super) fn open(disk: &MemoryDisk, inode: usize) -> Self {
        let mut state = disk.state();
        let file = &mut state.inodes[inode];
        if file.image.is_none() {
            file.image = Some(Image {
                durable: file.bytes[..file.synced].to_vec(),
                unsynced: vec![Write::At {
                    offset: file.synced,
                    bytes: file.bytes[file.synced..].to_vec(),
                }],
            });
        }
        Self {
            disk: disk.clone(),
            inode,
            boot: state.boots,
        }
    }
}

impl State {
    fn write(&mut self, inode: usize, write: Write) {
        let file = &mut self.inodes[inode];
        write.apply(&mut file.bytes);
        if let Some(image) = &mut file.image {
            image.note(write);
        }
    }

    /// Whether the file may have that length.
    fn has_room(&self, inode: usize, len: usize) -> bool {
        let growth = len.saturating_sub(self.inodes[inode].bytes.len());
        growth == 0
            || self
                .capacity
                .is_none_or(|capacity| self.used() + growth <= capacity)
    }
}

fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| ErrorKind::FileTooLarge.into())
}

impl BlockFile for MemoryBlock {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.alive(self.boot)?.inodes[self.inode].bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.disk.alive(self.boot)?;
        let offset = place(offset)?;
        let bytes = state.inodes[self.inode].bytes.get(offset..);
        match bytes.and_then(|bytes| bytes.get(..out.len())) {
            Some(bytes) => {
                out.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.alive(self.boot)?;
        let offset = place(offset)?;
        let failure = State::take_failure(&mut state.failing_writes);
        if !state.has_room(self.inode, offset + bytes.len()) {
            return Err(ErrorKind::StorageFull.into());
        }
        let written = match failure {
            Ok(()) => bytes.len(),
            Err(_) => bytes.len() / 2,
        };
        let bytes = bytes[..written].to_vec();
        state.write(self.inode, Write::At { offset, bytes });
        failure
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.alive(self.boot)?;
        let len = place(len)?;
        if !state.has_room(self.inode, len) {
            return Err(ErrorKind::StorageFull.into());
        }
        state.write(self.inode, Write::Len(len));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.alive(self.boot)?;
        State::take_failure(&mut state.failing_syncs)?;
        state.inodes[self.inode].sync();
        Ok(())
    }
}
