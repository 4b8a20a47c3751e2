//! A disk in memory whose power fails, whose writes tear and whose space ends when told.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{BlockFile, Disk, DiskFile, Syncer};

mod block;

/// What a power failure leaves of bytes that were written and not synced. Synced bytes always stay.
///
/// Of a file written in place, `Tail` and `Zeros` leave the first `kept` bytes in the order in which they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The first `kept` of them, in each file.
    Tail {
        /// How many bytes stay.
        kept: usize,
    },
    /// All of them in length; in content the first `kept`, then zeros.
    Zeros {
        /// How many bytes stay.
        kept: usize,
    },
    /// All of them in length; of every 64 bytes either all or, as the seed has it, zeros: pages reach a disk in any order.
    Scattered {
        /// Decides which.
        seed: u64,
    },
}

impl Loss {
    /// For each page in turn, whether it is kept.
    fn scatter(mut seed: u64) -> impl FnMut() -> bool {
        move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 63 == 1
        }
    }
}

/// A disk in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    /// The names as of the last `sync_names`.
    synced_names: BTreeMap<String, usize>,
    /// Counts power failures; handles from before one are dead.
    boots: u64,
    capacity: Option<usize>,
    failing_syncs: usize,
    failing_appends: usize,
    failing_writes: usize,
    failing_removals: usize,
}

#[derive(Debug, Default)]
struct Inode {
    bytes: Vec<u8>,
    synced: usize,
    /// Set once the file was opened to be written in place; `synced` then says nothing.
    image: Option<block::Image>,
}

impl MemoryDisk {
    /// An empty disk without limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // a test that panicked with the lock held leaves state that is still whole
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The power fails: unsynced names are gone, of unsynced bytes what `loss` leaves. Open handles are dead.
    pub fn power_loss(&self, loss: Loss) {
        let mut state = self.state();
        state.boots += 1;
        state.names = state.synced_names.clone();
        for inode in &mut state.inodes {
            inode.lose(loss);
        }
    }

    /// Limits the bytes in all files; `None` lifts the limit.
    pub fn set_capacity(&self, bytes: Option<usize>) {
        self.state().capacity = bytes;
    }

    /// Makes the next `count` syncs of files or names fail.
    pub fn fail_syncs(&self, count: usize) {
        self.state().failing_syncs = count;
    }

    /// Makes the next `count` appends fail half way with an I/O error.
    pub fn fail_appends(&self, count: usize) {
        self.state().failing_appends = count;
    }

    /// Makes the next `count` writes in place fail half way with an I/O error.
    pub fn fail_writes(&self, count: usize) {
        self.state().failing_writes = count;
    }

    /// Makes the next `count` removals fail.
    pub fn fail_removals(&self, count: usize) {
        self.state().failing_removals = count;
    }

    /// Inverts the bits of one byte, if the file has it.
    pub fn corrupt(&self, name: &str, offset: usize) {
        let mut state = self.state();
        let Some(&inode) = state.names.get(name) else {
            return;
        };
        state.inodes[inode].invert(offset);
    }

    fn make(&self, name: &str) -> io::Result<usize> {
        let mut state = self.state();
        if state.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.names.insert(name.to_owned(), inode);
        Ok(inode)
    }

    fn alive(&self, boot: u64) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        match state.boots == boot {
            true => Ok(state),
            false => Err(io::Error::other("the power failed since this file was opened")),
        }
    }

    fn file(&self, inode: usize) -> Box<dyn DiskFile> {
        Box::new(MemoryFile {
            disk: self.clone(),
            inode,
            boot: self.state().boots,
        })
    }
}

impl Inode {
    fn sync(&mut self) {
        self.synced = self.bytes.len();
        if let Some(image) = &mut self.image {
            image.sync();
        }
    }

    fn invert(&mut self, offset: usize) {
        if let Some(byte) = self.bytes.get_mut(offset) {
            *byte = !*byte;
        }
        if let Some(image) = &mut self.image {
            image.invert(offset);
        }
    }

    fn lose(&mut self, loss: Loss) {
        if let Some(image) = &mut self.image {
            self.bytes = image.lose(loss);
            return;
        }
        let unsynced = &mut self.bytes[self.synced..];
        match loss {
            Loss::Tail { kept } => {
                let len = self.synced + unsynced.len().min(kept);
                self.bytes.truncate(len);
            }
            Loss::Zeros { kept } => unsynced.iter_mut().skip(kept).for_each(|byte| *byte = 0),
            Loss::Scattered { seed } => {
                let mut is_kept = Loss::scatter(seed);
                for page in unsynced.chunks_mut(64) {
                    if !is_kept() {
                        page.fill(0);
                    }
                }
            }
        }
        self.synced = self.bytes.len();
    }
}

impl State {
    fn append(&mut self, inode: usize, bytes: &[u8]) {
        let file = &mut self.inodes[inode];
        let offset = file.bytes.len();
        file.bytes.extend_from_slice(bytes);
        if let Some(image) = &mut file.image {
            image.note(block::Write::At {
                offset,
                bytes: bytes.to_vec(),
            });
        }
    }

    fn truncate(&mut self, inode: usize, len: usize) {
        let file = &mut self.inodes[inode];
        file.bytes.truncate(len);
        file.synced = file.synced.min(len);
        if let Some(image) = &mut file.image {
            image.note(block::Write::Len(file.bytes.len()));
        }
    }

    fn inode(&self, name: &str) -> io::Result<usize> {
        self.names
            .get(name)
            .copied()
            .ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn used(&self) -> usize {
        self.names
            .values()
            .map(|&inode| self.inodes[inode].bytes.len())
            .sum()
    }

    fn take_failure(count: &mut usize) -> io::Result<()> {
        match count.checked_sub(1) {
            Some(left) => {
                *count = left;
                Err(io::Error::other("the disk fails as told"))
            }
            None => Ok(()),
        }
    }
}

impl Disk for MemoryDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.make(name)?))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let inode = self.state().inode(name)?;
        Ok(self.file(inode))
    }

    fn open_block(&self, name: &str) -> io::Result<Box<dyn BlockFile>> {
        let found = self.state().inode(name);
        let inode = found.or_else(|_| self.make(name))?;
        Ok(Box::new(block::MemoryBlock::open(self, inode)))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let state = self.state();
        Ok(state.inodes[state.inode(name)?].bytes.clone())
    }

    fn read_start(&self, name: &str, max: usize) -> io::Result<Vec<u8>> {
        let mut bytes = self.read(name)?;
        bytes.truncate(max);
        Ok(bytes)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let inode = state.inode(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.inode(name)?;
        State::take_failure(&mut state.failing_removals)?;
        state.names.remove(name);
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.state();
        State::take_failure(&mut state.failing_syncs)?;
        state.synced_names = state.names.clone();
        Ok(())
    }
}

struct MemoryFile {
    disk: MemoryDisk,
    inode: usize,
    boot: u64,
}

impl DiskFile for MemoryFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.alive(self.boot)?;
        let free = state
            .capacity
            .map_or(usize::MAX, |capacity| capacity.saturating_sub(state.used()));
        let failure = State::take_failure(&mut state.failing_appends);
        let written = match failure {
            Ok(()) => bytes.len().min(free),
            Err(_) => bytes.len() / 2,
        };
        state.append(self.inode, &bytes[..written]);
        failure?;
        match written == bytes.len() {
            true => Ok(()),
            false => Err(ErrorKind::StorageFull.into()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.alive(self.boot)?;
        State::take_failure(&mut state.failing_syncs)?;
        state.inodes[self.inode].sync();
        Ok(())
    }

    fn syncer(&self) -> io::Result<Syncer> {
        let mut file = Self {
            disk: self.disk.clone(),
            inode: self.inode,
            boot: self.boot,
        };
        Ok(Box::new(move || file.sync()))
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.disk.alive(self.boot)?;
        state.truncate(self.inode, usize::try_from(len).unwrap_or(usize::MAX));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
