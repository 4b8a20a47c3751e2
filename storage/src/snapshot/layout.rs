//! The bytes of a snapshot file.

/// The format written, and the latest one read.
pub const FORMAT: u16 = 1;

/// Longest chunk in bytes.
pub const MAX_CHUNK: usize = 1024 * 1024;

/// Longest metadata in bytes.
pub const MAX_METADATA: usize = 64 * 1024;

pub(super) const MAGIC: &[u8; 8] = b"ATPSNAP\0";

/// Bytes of a header before its metadata.
pub(super) const HEADER: usize = 16;

/// Bytes of a checksum.
pub(super) const CRC: usize = 4;

/// First byte of a chunk.
pub(super) const CHUNK: u8 = b'C';

/// Bytes of a chunk after its first and before its content.
pub(super) const CHUNK_HEAD: usize = 8;

/// First byte of the end.
pub(super) const END: u8 = b'E';

/// Bytes of the end after its first and before the digest.
pub(super) const TOTALS: usize = 16;

/// Bytes of the digest.
pub(super) const DIGEST: usize = blake3::OUT_LEN;

/// What a snapshot says of itself at its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Format of the file.
    pub format: u16,
    /// Whose state it is.
    pub group: u16,
    /// What the writer wrote about it.
    pub metadata: Vec<u8>,
}

pub(super) fn header(group: u16, metadata: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + metadata.len() + CRC);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&group.to_le_bytes());
    bytes.extend_from_slice(&(metadata.len() as u32).to_le_bytes());
    bytes.extend_from_slice(metadata);
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// A chunk that begins at `offset` of the file.
pub(super) fn chunk(offset: u64, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + CHUNK_HEAD + content.len());
    bytes.push(CHUNK);
    bytes.extend_from_slice(&(content.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&chunk_crc(offset, content).to_le_bytes());
    bytes.extend_from_slice(content);
    bytes
}

/// The end, but for its digest.
pub(super) fn end(chunks: u64, content: u64) -> Vec<u8> {
    let mut bytes = vec![END];
    bytes.extend_from_slice(&chunks.to_le_bytes());
    bytes.extend_from_slice(&content.to_le_bytes());
    bytes
}

/// Covers the place too, so that chunks cannot change places.
pub(super) fn chunk_crc(offset: u64, content: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&offset.to_le_bytes());
    crc.update(&(content.len() as u32).to_le_bytes());
    crc.update(content);
    crc.finalize()
}
