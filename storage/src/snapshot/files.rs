//! The snapshots of a directory, by name.

use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;

use super::{Received, SnapshotError, SnapshotReader, SnapshotWriter};
use crate::disk::Disk;

const WHOLE: &str = ".snapshot";
const UNFINISHED: &str = ".tmp";
const PART: &str = ".part";

/// Which snapshot. Later ones of a group are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Whose state it is.
    pub group: u16,
    /// Grows with each snapshot of the group, as the index of the last entry in it does.
    pub number: u64,
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:05}-{:020}", self.group, self.number)
    }
}

impl Id {
    /// The name of its file.
    #[must_use]
    pub fn file(&self) -> String {
        format!("{self}{WHOLE}")
    }

    pub(super) fn unfinished(&self) -> String {
        format!("{self}{UNFINISHED}")
    }

    pub(super) fn part(&self) -> String {
        format!("{self}{PART}")
    }

    fn parse(name: &str, suffix: &str) -> Option<Self> {
        let (group, number) = name.strip_suffix(suffix)?.split_once('-')?;
        let id = Self {
            group: group.parse().ok()?,
            number: number.parse().ok()?,
        };
        // one spelling each
        (name == format!("{id}{suffix}")).then_some(id)
    }
}

/// The snapshots in a directory, which may hold other files too. Clones share it.
#[derive(Clone)]
pub struct Snapshots {
    disk: Arc<dyn Disk>,
}

impl fmt::Debug for Snapshots {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Snapshots").finish_non_exhaustive()
    }
}

impl Snapshots {
    /// The snapshots on `disk`.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk }
    }

    /// The whole ones, by group and number.
    ///
    /// # Errors
    /// [`SnapshotError::Disk`].
    pub fn list(&self) -> Result<Vec<Id>, SnapshotError> {
        self.named(WHOLE)
    }

    /// Begins a snapshot. One that has the same id is replaced when the new one is whole.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn create(&self, id: Id, metadata: &[u8]) -> Result<SnapshotWriter, SnapshotError> {
        self.remove(&id.unfinished())?;
        SnapshotWriter::create(Arc::clone(&self.disk), id, metadata)
    }

    /// Opens a whole snapshot and reads its header.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn open(&self, id: Id) -> Result<SnapshotReader, SnapshotError> {
        SnapshotReader::open(&*self.disk, id.group, id.file())
    }

    /// Takes a snapshot in, from where an earlier attempt ended.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn receive(&self, id: Id) -> Result<Received, SnapshotError> {
        Received::open(Arc::clone(&self.disk), id)
    }

    /// Removes what a whole snapshot makes superfluous: older ones of its group, and what is left of older ones that were written
    /// or received. Returns how many files went. After a power failure some may be there again.
    ///
    /// # Errors
    /// [`SnapshotError::Disk`]; the rest stays for the next call.
    pub fn remove_before(&self, id: Id) -> Result<usize, SnapshotError> {
        let mut removed = 0;
        for suffix in [WHOLE, UNFINISHED, PART] {
            for old in self.named(suffix)? {
                if old.group == id.group && old.number < id.number {
                    self.remove(&format!("{old}{suffix}"))?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    fn named(&self, suffix: &str) -> Result<Vec<Id>, SnapshotError> {
        let names = self.disk.list().map_err(SnapshotError::disk("list", "."))?;
        Ok(names.iter().filter_map(|name| Id::parse(name, suffix)).collect())
    }

    fn remove(&self, name: &str) -> Result<(), SnapshotError> {
        match self.disk.remove(name) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(SnapshotError::disk("remove", name)(error))
            }
            _ => Ok(()),
        }
    }
}
