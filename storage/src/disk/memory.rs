//! A disk in memory whose power fails, whose writes tear and whose space ends when told.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile, Syncer};

/// What a power failure leaves of bytes that were appended and not synced. Synced bytes always stay.
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
    failing_removals: usize,
}

#[derive(Debug, Default)]
struct Inode {
    bytes: Vec<u8>,
    synced: usize,
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
        if let Some(byte) = state.inodes[inode].bytes.get_mut(offset) {
            *byte = !*byte;
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
    fn lose(&mut self, loss: Loss) {
        let unsynced = &mut self.bytes[self.synced..];
        match loss {
            Loss::Tail { kept } => {
                let len = self.synced + unsynced.len().min(kept);
                self.bytes.truncate(len);
            }
            Loss::Zeros { kept } => unsynced.iter_mut().skip(kept).for_each(|byte| *byte = 0),
            Loss::Scattered { mut seed } => {
                for page in unsynced.chunks_mut(64) {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    if seed >> 63 == 0 {
                        page.fill(0);
                    }
                }
            }
        }
        self.synced = self.bytes.len();
    }
}

impl State {
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
        let mut state = self.state();
        if state.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.names.insert(name.to_owned(), inode);
        drop(state);
        Ok(self.file(inode))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let inode = self.state().inode(name)?;
        Ok(self.file(inode))
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

impl MemoryFile {
    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        match state.boots == self.boot {
            true => Ok(state),
            false => Err(io::Error::other("the power failed since this file was opened")),
        }
    }
}

impl DiskFile for MemoryFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.alive()?;
        let free = state
            .capacity
            .map_or(usize::MAX, |capacity| capacity.saturating_sub(state.used()));
        let failure = State::take_failure(&mut state.failing_appends);
        let written = match failure {
            Ok(()) => bytes.len().min(free),
            Err(_) => bytes.len() / 2,
        };
        state.inodes[self.inode]
            .bytes
            .extend_from_slice(&bytes[..written]);
        failure?;
        match written == bytes.len() {
            true => Ok(()),
            false => Err(ErrorKind::StorageFull.into()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.alive()?;
        State::take_failure(&mut state.failing_syncs)?;
        let inode = &mut state.inodes[self.inode];
        inode.synced = inode.bytes.len();
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
        let mut state = self.alive()?;
        let inode = &mut state.inodes[self.inode];
        inode.bytes.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        inode.synced = inode.synced.min(inode.bytes.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(synced: &[u8], unsynced: &[u8]) -> MemoryDisk {
        let disk = MemoryDisk::new();
        let mut file = disk.create("a").unwrap();
        file.append(synced).unwrap();
        file.sync().unwrap();
        disk.sync_names().unwrap();
        file.append(unsynced).unwrap();
        disk
    }

    #[test]
    fn a_power_loss_spares_what_was_synced() {
        let disk = written(b"synced", b"tail");
        disk.create("b").unwrap();
        disk.power_loss(Loss::Tail { kept: 1 });
        assert_eq!(disk.read("a").unwrap(), b"syncedt");
        assert_eq!(disk.list().unwrap(), ["a"]);
        let disk = written(b"synced", b"tail");
        disk.power_loss(Loss::Zeros { kept: 1 });
        assert_eq!(disk.read("a").unwrap(), b"syncedt\0\0\0");
    }

    #[test]
    fn scattered_pages_are_lost_or_kept_whole() {
        let disk = written(b"", &[1; 640]);
        disk.power_loss(Loss::Scattered { seed: 7 });
        let bytes = disk.read("a").unwrap();
        assert!(
            bytes
                .chunks(64)
                .all(|page| page.iter().all(|byte| *byte == page[0]))
        );
        assert!(bytes.contains(&0) && bytes.contains(&1));
    }

    #[test]
    fn handles_from_before_a_power_loss_are_dead() {
        let disk = MemoryDisk::new();
        let mut file = disk.create("a").unwrap();
        disk.power_loss(Loss::Tail { kept: 0 });
        assert!(file.append(b"x").is_err());
    }

    #[test]
    fn a_full_disk_takes_what_fits_and_says_so() {
        let disk = written(b"1234", b"");
        disk.set_capacity(Some(6));
        let mut file = disk.open("a").unwrap();
        assert_eq!(file.append(b"5678").unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(disk.read("a").unwrap(), b"123456");
        disk.set_capacity(None);
        file.append(b"78").unwrap();
    }
}
