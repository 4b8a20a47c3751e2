//! The seam to the file system: one flat directory of files that grow at their end, or are written in place.
//!
//! Two kinds of failure are told apart. When the *process* dies, everything written survives. When the *power* fails, what
//! survives for certain is what [`DiskFile::sync`] and [`BlockFile::sync`] covered, under names that [`Disk::sync_names`] covered.

use std::fmt::Debug;
use std::io;

mod file;
mod memory;

#[cfg(test)]
mod conformance;

pub use file::FileDisk;
pub use memory::{Loss, MemoryDisk};

/// A directory. Names are plain file names without separators.
pub trait Disk: Send + Sync {
    /// Makes an empty file; `AlreadyExists` if the name is taken.
    ///
    /// # Errors
    /// As the file system says.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file to append to it; `NotFound` if there is none.
    ///
    /// # Errors
    /// As the file system says.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file to write to it in place; an empty one is made if there is none.
    ///
    /// # Errors
    /// As the file system says.
    fn open_block(&self, name: &str) -> io::Result<Box<dyn BlockFile>>;

    /// The whole contents of a file.
    ///
    /// # Errors
    /// As the file system says.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// The first `max` bytes of a file, fewer if it is shorter.
    ///
    /// # Errors
    /// As the file system says.
    fn read_start(&self, name: &str, max: usize) -> io::Result<Vec<u8>>;

    /// Gives a file another name, atomically, in the place of a file that has it.
    ///
    /// # Errors
    /// As the file system says; both names are then as before.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// As the file system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// All names, sorted.
    ///
    /// # Errors
    /// As the file system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes creations, renames and removals survive a power failure.
    ///
    /// # Errors
    /// As the file system says; it is then not known which of them will.
    fn sync_names(&self) -> io::Result<()>;
}

/// Makes what was appended to a file before the call survive a power failure.
pub type Syncer = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// A file open for appending.
pub trait DiskFile: Send {
    /// Appends all of `bytes`. They are with the operating system when this returns.
    ///
    /// # Errors
    /// `StorageFull` when the disk is full; after any error an unknown part was appended.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything appended survive a power failure.
    ///
    /// # Errors
    /// It is then not known what will, and asking again does not tell: stop using the file.
    fn sync(&mut self) -> io::Result<()>;

    /// A second handle whose call does what [`Self::sync`] does, for another thread: appends go on meanwhile.
    ///
    /// # Errors
    /// As the file system says.
    fn syncer(&self) -> io::Result<Syncer>;

    /// Cuts the file to `len` bytes; the next append continues there.
    ///
    /// # Errors
    /// As the file system says.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// A file that is read and written at any place.
///
/// After a power failure each write since the last sync is there, not there, or there in part; each on its own, whatever their
/// order was.
pub trait BlockFile: Send + Sync + Debug {
    /// Length in bytes.
    ///
    /// # Errors
    /// As the file system says.
    fn len(&self) -> io::Result<u64>;

    /// Whether there is nothing in it.
    ///
    /// # Errors
    /// As the file system says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `out` from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends before; else as the file system says.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` from `offset` on; the file grows if it must.
    ///
    /// # Errors
    /// `StorageFull` when the disk is full; after any error an unknown part was written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file, or makes it longer by zeros. What is made longer need not have its room on the disk yet.
    ///
    /// # Errors
    /// `StorageFull` when the disk is full; the length is then as before.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes everything written survive a power failure.
    ///
    /// # Errors
    /// It is then not known what will, and asking again does not tell: stop using the file.
    fn sync(&self) -> io::Result<()>;
}
