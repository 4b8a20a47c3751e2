//! The snapshots of many groups in one file, to be kept elsewhere ([adr/0016](../../../docs/adr/0016-backup.md)).
//!
//! [`Encoder`] makes the bytes of a backup as they are sent, [`BackupReader`] reads them again from wherever they are. Both hold one
//! piece at a time.
//!
//! Format 1, integers little-endian:
//!
//! ```text
//! header, 20 bytes + n   "ATPBKUP\0"  format u16  groups u16  metadata length u32  metadata  crc u32 (of all before)
//! group, 15 bytes + n    'G'  group u16  length u64  crc u32 (of the 11 bytes before)  a snapshot file, whole
//! end, 41 bytes          'E'  bytes before the end u64  digest, 32 bytes (BLAKE3 of the file up to here)
//! ```
//!
//! At the bounds: metadata over [`MAX_METADATA`] is refused.

mod encoder;
mod error;
mod reader;

#[cfg(test)]
mod tests;

pub use encoder::Encoder;
pub use error::BackupError;
pub use reader::BackupReader;

/// The format written, and the latest one read.
pub const FORMAT: u16 = 1;

/// Longest metadata in bytes.
pub const MAX_METADATA: usize = 64 * 1024;

const MAGIC: &[u8; 8] = b"ATPBKUP\0";

/// Bytes of the header before its metadata.
const HEADER: usize = 16;

/// Bytes of a checksum.
const CRC: usize = 4;

/// First byte of a group.
const GROUP: u8 = b'G';

/// First byte of the end.
const END: u8 = b'E';

/// Bytes of a group before its snapshot.
const GROUP_HEAD: usize = 1 + 2 + 8 + CRC;

/// Bytes of the end before its digest.
const END_HEAD: usize = 1 + 8;

/// Bytes of the digest.
const DIGEST: usize = blake3::OUT_LEN;
