//! Segment files: names and headers.

use super::OpenError;

/// Bytes before the first frame.
pub(super) const HEADER: usize = 32;

/// The latest format this release writes and reads.
pub(super) const FORMAT: u32 = 1;

const MAGIC: [u8; 8] = *b"ATPJRNL\0";
const SUFFIX: &str = ".journal";
const TEMPORARY: &str = ".tmp";

/// The first bytes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) segment: u64,
    /// Durable bytes of the segment before. 0 if none is needed, because this one is the first or begins with a snapshot.
    pub(super) follows: u32,
    /// Bytes that were durable before the file got its name; at least [`HEADER`].
    pub(super) sealed: u32,
}

pub(super) fn name(segment: u64) -> String {
    format!("{segment:020}{SUFFIX}")
}

/// The name under which a segment is written until it is whole.
pub(super) fn temporary_name(segment: u64) -> String {
    format!("{segment:020}{SUFFIX}{TEMPORARY}")
}

/// A segment that was never finished, or not a name of ours.
pub(super) fn is_temporary(name: &str) -> bool {
    name.strip_suffix(TEMPORARY).and_then(number).is_some()
}

pub(super) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}

impl Header {
    pub(super) fn encode(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.follows.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.segment.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.sealed.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the header of segment number `segment`.
    pub(super) fn decode(segment: u64, bytes: &[u8]) -> Result<Self, OpenError> {
        let corrupt = |what| OpenError::Corrupt {
            file: name(segment),
            offset: 0,
            what,
        };
        let Some((header, _)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(corrupt("shorter than a segment header"));
        };
        let word =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        if !header.starts_with(&MAGIC) {
            return Err(corrupt("not a journal segment"));
        }
        // before the checksum: a later format may have another
        if word(8) != FORMAT {
            return Err(OpenError::Format {
                file: name(segment),
                found: word(8),
                known: FORMAT,
            });
        }
        if word(28) != crc32fast::hash(&header[..28]) {
            return Err(corrupt("damaged segment header"));
        }
        let number = u64::from(word(16)) | u64::from(word(20)) << 32;
        if number != segment {
            return Err(corrupt("the header names another segment than the file"));
        }
        Ok(Self {
            segment,
            follows: word(12),
            sealed: word(24),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER_7: Header = Header {
        segment: 7,
        follows: 88,
        sealed: 99,
    };

    #[test]
    fn names_sort_by_number() {
        assert_eq!(name(7), "00000000000000000007.journal");
        assert_eq!(number(&name(u64::MAX)), Some(u64::MAX));
        assert_eq!(number("7.journal"), None);
        assert!(is_temporary(&temporary_name(7)) && !is_temporary(&name(7)));
    }

    #[test]
    fn a_header_is_read_back_and_every_damage_seen() {
        let mut bytes = HEADER_7.encode();
        assert_eq!(Header::decode(7, &bytes).unwrap(), HEADER_7);
        assert!(Header::decode(8, &bytes).is_err());
        for at in 0..HEADER {
            bytes[at] ^= 1;
            let refused = Header::decode(7, &bytes).unwrap_err();
            assert_eq!(
                matches!(refused, OpenError::Format { .. }),
                (8..12).contains(&at),
                "{refused}"
            );
            bytes[at] ^= 1;
        }
    }
}
