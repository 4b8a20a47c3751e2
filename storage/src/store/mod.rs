//! The logs of all groups of a node, and small rows, in one file ([adr/0008](../../../docs/adr/0008-log-and-rows.md)).
//!
//! [`Store::open`] gives a reader, cheap to clone, and the one [`Writer`]. [`Writer::commit`] carries out a list of
//! [`Change`]s, all or none, and returns when they are durable: one sync, whatever the list is. A commit that was not acknowledged
//! may be there or not after a crash, whole; an acknowledged one is.
//!
//! In the file, format 1: a `redb` database with the tables
//!
//! ```text
//! atp.format   "store" -> u64                          the number of this format
//! atp.logs     (log u16, index u64) -> crc u32, record  crc of "L", log, index, record
//! atp.rows     (table u16, key) -> crc u32, value       crc of "R", table, length of key u32, key, value
//! ```
//!
//! Integers are little-endian, CRC-32 is the one of `crc32fast` (IEEE). The checksums cover the place and are checked whenever something is
//! read, as redb checks its own only after a crash.
//!
//! At the bounds: a record, value, key or commit over its bound is refused, and so is an append that does not continue its log;
//! a read returns no more than it was asked for. A full disk refuses the commit, which may be repeated; reads go on. Any other
//! failure to write or sync ends the writer: every later commit fails, because what is on disk is no longer known.

mod backend;
mod change;
mod database;
mod ends;
mod error;
mod outcome;
mod reader;
mod seal;
mod survey;
mod writer;

#[cfg(test)]
mod tests;

pub use change::{Change, MAX_COMMIT, MAX_KEY, MAX_RECORD};
pub use database::{FORMAT, NAME, Options};
pub use error::{OpenError, Place, ReadError, Refusal, WriteError};
pub use reader::{Row, Store};
pub use survey::{LogSurvey, Survey, TableSurvey};
pub use writer::Writer;
