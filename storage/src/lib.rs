//! Durable bytes.
//!
//! 1. [`disk`] is the seam to the file system: [`disk::FileDisk`] in production, [`disk::MemoryDisk`] where power fails
//!    and disks fill up on demand.
//! 2. [`journal`] appends records to segments on a disk, reads them back after a crash, and compacts them into a snapshot.
//! 3. [`audit`] appends records to a log in which each names the one before by its hash, and tells what of it was altered.
//! 4. [`store`] keeps the logs of many groups, and rows, in one file: one sync for all that is committed together.
//!
//! Never here: what the bytes mean, who wrote them, when. No clocks, no threads; calls block.

pub mod audit;
pub mod disk;
pub mod journal;
pub mod store;
