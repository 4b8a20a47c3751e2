//! An append-only journal of records in segment files.
//!
//! [`Journal::open`] reads everything back in order; [`Journal::append`] hands records to the operating system, so that they
//! survive the process; [`Journal::sync`] makes them survive a power failure; [`Journal::checkpoint`] replaces the history
//! by a snapshot.
//!
//! On disk, format 1, integers little-endian:
//!
//! ```text
//! <number, 20 digits>.journal
//!   header, 32 bytes   "ATPJRNL\0"  format u32  follows u32 (durable bytes of the segment before; 0 needs none before)
//!                      segment u64  sealed u32 (bytes durable before the file got its name)  crc u32 (of the 28 before)
//!   frame, 16 bytes +  0xA7 'R' 'E' 'C'  length u32  synced u32 (bytes of the file known durable when this was written)
//!                      crc u32 (of segment u64, offset u32, length, synced, payload)  payload
//!   mark, 16 bytes     0xA7 'S' 'Y' 'N', else as a frame without payload; written after each sync
//! ```
//!
//! A segment is written under a `.tmp` name, synced and renamed, so that a file with its name has a whole header and, if it
//! begins with a snapshot, a whole snapshot. It is synced before the next is made. Damage is therefore judged by what was
//! promised: in the last segment, bytes past what any frame or mark says was durable are a torn tail and are cut; anything else is
//! corruption, and opening fails with file and offset. CRC-32 is the one of `crc32fast` (IEEE).
//!
//! At the bounds: a record over [`MAX_RECORD`] or a batch over [`MAX_BATCH`] is refused; a segment past its size is followed
//! by another; a full disk refuses the append, which may be repeated. Any other failure to write or sync ends the journal:
//! every later call fails, because what is on disk is no longer known.

mod active;
mod error;
mod frame;
mod recovery;
mod segment;
mod writer;

#[cfg(test)]
mod tests;

pub use error::{OpenError, WriteError};
pub use frame::{MAX_BATCH, MAX_RECORD};
pub use recovery::Recovered;
pub use writer::{Journal, Options, SyncDone, SyncJob};
