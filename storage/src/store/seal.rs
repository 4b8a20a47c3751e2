//! The checksum that stands before a record or value.

/// Bytes before the content.
const CRC: usize = 4;

/// Checksums of what stands in one place.
#[derive(Clone)]
pub(super) struct Seal(crc32fast::Hasher);

impl Seal {
    pub(super) fn record(log: u16, index: u64) -> Self {
        let mut crc = crc32fast::Hasher::new();
        crc.update(b"L");
        crc.update(&log.to_le_bytes());
        crc.update(&index.to_le_bytes());
        Self(crc)
    }

    pub(super) fn row(table: u16, key: &[u8]) -> Self {
        let mut crc = crc32fast::Hasher::new();
        crc.update(b"R");
        crc.update(&table.to_le_bytes());
        crc.update(&(key.len() as u32).to_le_bytes());
        crc.update(key);
        Self(crc)
    }

    /// Writes checksum and content to `out`, which was empty; its memory is used again.
    pub(super) fn close(mut self, content: &[u8], out: &mut Vec<u8>) {
        self.0.update(content);
        out.clear();
        out.extend_from_slice(&self.0.finalize().to_le_bytes());
        out.extend_from_slice(content);
    }

    /// The content, if its checksum is right.
    pub(super) fn open(mut self, stored: &[u8]) -> Option<&[u8]> {
        let (crc, content) = stored.split_first_chunk::<CRC>()?;
        self.0.update(content);
        (self.0.finalize() == u32::from_le_bytes(*crc)).then_some(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_whole_only_in_its_place() {
        let mut stored = Vec::new();
        Seal::record(3, 7).close(b"content", &mut stored);
        assert_eq!(Seal::record(3, 7).open(&stored), Some(&b"content"[..]));
        assert_eq!(Seal::record(3, 8).open(&stored), None);
        assert_eq!(Seal::record(4, 7).open(&stored), None);
        assert_eq!(Seal::row(3, &7u64.to_le_bytes()).open(&stored), None);
        for at in 0..stored.len() {
            stored[at] ^= 1;
            assert_eq!(Seal::record(3, 7).open(&stored), None, "byte {at}");
            stored[at] ^= 1;
        }
        assert_eq!(Seal::record(3, 7).open(&stored[..3]), None);
    }

    #[test]
    fn a_key_does_not_run_into_its_value() {
        let mut stored = Vec::new();
        Seal::row(1, b"ab").close(b"c", &mut stored);
        let moved = [&stored[..CRC], b"bc"].concat();
        assert_eq!(Seal::row(1, b"a").open(&moved), None);
    }
}
