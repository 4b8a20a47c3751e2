//! Images of a state, each in a file of its own ([adr/0008](../../../docs/adr/0008-log-and-rows.md)).
//!
//! [`Snapshots`] is the directory of them: [`Snapshots::create`] writes one, [`Snapshots::open`] reads it, whole or as raw bytes to
//! send, and [`Snapshots::receive`] takes the raw bytes in at another node, going on where an earlier attempt ended.
//!
//! On disk, format 1, integers little-endian:
//!
//! ```text
//! <group, 5 digits>-<number, 20 digits>.snapshot
//!   header, 20 bytes + n   "ATPSNAP\0"  format u16  group u16  metadata length u32  metadata  crc u32 (of all before)
//!   chunk, 9 bytes + n     'C'  length u32  crc u32 (of offset u64, length, bytes)  bytes
//!   end, 49 bytes          'E'  chunks u64  bytes in chunks u64  digest, 32 bytes (BLAKE3 of the file up to here)
//! ```
//!
//! While written it is called `.tmp`, while received `.part`; both get their name when they are whole and synced. Damage in a file that
//! has its name is reported with file and offset; a part that turns out damaged is removed, to be asked for again.
//!
//! At the bounds: a chunk over [`MAX_CHUNK`] and metadata over [`MAX_METADATA`] are refused; a full disk fails the write, the file
//! does not get its name, and it may be begun again, or in case of a part, gone on with.

mod error;
mod files;
mod layout;
mod reader;
mod received;
mod writer;

#[cfg(test)]
mod tests;

pub use error::SnapshotError;
pub use files::{Id, Snapshots};
pub use layout::{FORMAT, Header, MAX_CHUNK, MAX_METADATA};
pub use reader::SnapshotReader;
pub use received::Received;
pub use writer::SnapshotWriter;
