//! Durable bytes.
//!
//! 1. [`disk`] is the seam to the file system: [`disk::FileDisk`] in production, [`disk::MemoryDisk`] where power fails
//!    and disks fill up on demand.
//! 2. [`journal`] appends records to segments on a disk, reads them back after a crash, and compacts them into a snapshot.
//! 3. [`audit`] appends records to a log in which each names the one before by its hash, and tells what of it was altered.
//! 4. [`store`] keeps the logs of many groups, and rows, in one file: one sync for all that is committed together.
//! 5. [`snapshot`] keeps images of a state, each in a file of its own, and takes them in from elsewhere piece by piece.
//! 6. [`backup`] puts the snapshots of many groups into one file.
//!
//! Never here: what the bytes mean, who wrote them, when. No clocks, no threads; calls block.

pub mod audit;
pub mod backup;
pub mod disk;
pub mod journal;
pub mod snapshot;
pub mod store;
