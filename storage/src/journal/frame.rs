//! One record among the bytes of a segment.

use super::WriteError;

/// Longest record in bytes.
pub const MAX_RECORD: usize = 16 * 1024 * 1024;

/// Longest batch or snapshot in bytes, frames included. Keeps offsets within 32 bits.
pub const MAX_BATCH: usize = 1 << 30;

/// Bytes before the payload.
pub(super) const HEADER: usize = 16;

/// Begins the frame of a record. A fixed start lets recovery find what follows damage without trying every byte.
const RECORD: [u8; 4] = [0xA7, b'R', b'E', b'C'];

/// Begins a mark: a frame without payload, written after a sync to say how far it reached.
const MARK: [u8; 4] = [0xA7, b'S', b'Y', b'N'];

/// A frame read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// The record; none in a mark.
    pub(super) payload: Option<&'a [u8]>,
    /// Bytes of the segment that were durable when it was written.
    pub(super) synced: u32,
    /// Offset of what follows.
    pub(super) next: usize,
}

/// Appends the frame of `payload` to `out`; it will begin at `offset` of the segment.
///
/// # Errors
/// [`WriteError::TooLarge`]; `out` is then unchanged.
pub(super) fn push(
    out: &mut Vec<u8>,
    segment: u64,
    offset: usize,
    synced: u32,
    payload: &[u8],
) -> Result<(), WriteError> {
    let len = match u32::try_from(payload.len()) {
        Ok(len) if payload.len() <= MAX_RECORD => len,
        Ok(_) | Err(_) => {
            return Err(WriteError::TooLarge {
                what: "record",
                len: payload.len(),
                max: MAX_RECORD,
            });
        }
    };
    out.extend_from_slice(&RECORD);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&synced.to_le_bytes());
    out.extend_from_slice(&checksum(segment, offset, len, synced, payload).to_le_bytes());
    out.extend_from_slice(payload);
    Ok(())
}

/// A mark that will stand at `offset`: everything before it is durable.
pub(super) fn mark(segment: u64, offset: usize) -> [u8; HEADER] {
    let synced = offset as u32;
    let mut bytes = [0; HEADER];
    bytes[..4].copy_from_slice(&MARK);
    bytes[8..12].copy_from_slice(&synced.to_le_bytes());
    bytes[12..].copy_from_slice(&checksum(segment, offset, 0, synced, &[]).to_le_bytes());
    bytes
}

/// Reads the frame at `offset`. `None` if there is no whole one.
pub(super) fn read(bytes: &[u8], segment: u64, offset: usize) -> Option<Frame<'_>> {
    let (header, rest) = bytes.get(offset..)?.split_first_chunk::<HEADER>()?;
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let (len, synced, crc) = (word(4), word(8), word(12));
    let payload = rest.get(..usize::try_from(len).ok()?)?;
    let is_record = header.starts_with(&RECORD) && payload.len() <= MAX_RECORD;
    let is_mark = header.starts_with(&MARK) && payload.is_empty();
    let is_whole = (is_record || is_mark) && crc == checksum(segment, offset, len, synced, payload);
    is_whole.then_some(Frame {
        payload: is_record.then_some(payload),
        synced,
        next: offset + HEADER + payload.len(),
    })
}

/// The next whole frame that begins at or after `from`.
pub(super) fn find(bytes: &[u8], segment: u64, from: usize) -> Option<Frame<'_>> {
    let rest = bytes.get(from..)?;
    let starts = rest.iter().enumerate().filter(|(_, byte)| **byte == RECORD[0]);
    starts
        .map(|(at, _)| from + at)
        .find_map(|offset| read(bytes, segment, offset))
}

/// Covers the place too, so that a copy of a frame elsewhere, as inside a payload, is not one.
fn checksum(segment: u64, offset: usize, len: u32, synced: u32, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&segment.to_le_bytes());
    crc.update(&(offset as u32).to_le_bytes());
    crc.update(&len.to_le_bytes());
    crc.update(&synced.to_le_bytes());
    crc.update(payload);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_whole_only_in_its_place() {
        let mut bytes = vec![0; 5];
        push(&mut bytes, 7, 5, 3, b"payload").unwrap();
        let frame = read(&bytes, 7, 5).unwrap();
        assert_eq!(
            (frame.payload, frame.synced, frame.next),
            (Some(&b"payload"[..]), 3, bytes.len())
        );
        assert_eq!(find(&bytes, 7, 0), Some(frame));
        assert_eq!(read(&bytes, 8, 5), None);
        assert_eq!(read(&bytes[1..], 7, 4), None);
        assert_eq!(read(&bytes[..bytes.len() - 1], 7, 5), None);
        for at in 5..bytes.len() {
            bytes[at] ^= 1;
            assert_eq!(read(&bytes, 7, 5), None, "byte {at}");
            bytes[at] ^= 1;
        }
    }

    #[test]
    fn a_mark_says_how_far_a_sync_reached() {
        let bytes = [&[0; 5][..], &mark(7, 5)].concat();
        let frame = read(&bytes, 7, 5).unwrap();
        assert_eq!((frame.payload, frame.synced, frame.next), (None, 5, bytes.len()));
        assert_eq!(find(&bytes, 7, 1), Some(frame));
    }

    #[test]
    fn zeros_are_not_a_frame() {
        assert_eq!(read(&[0; 64], 0, 0), None);
    }

    #[test]
    fn a_record_has_a_bound() {
        let mut out = Vec::new();
        let refused = push(&mut out, 1, 0, 0, &vec![0; MAX_RECORD + 1]);
        assert!(
            matches!(refused, Err(WriteError::TooLarge { what: "record", .. })),
            "{refused:?}"
        );
        assert!(out.is_empty());
    }
}
