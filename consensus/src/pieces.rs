//! How a machine's state is written: rows in order, packed into pieces.
//!
//! ```text
//! piece   format u16, rows
//! row     length u32 of the body, kind u8, body            integers little-endian
//! ```
//!
//! Which kinds there are, in which order they stand and what their bodies hold is the machine's own. A kind is never used again
//! for something else.

use atp_protocol::encoding;
use atp_routing::budget::Record;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::machine::LoadError;

/// A piece is closed before a row would take it past this many bytes; a larger row has a piece of its own.
const PIECE_LEN: usize = 1024 * 1024;

/// Bytes of a row before its body.
const ROW_HEADER: usize = 5;

/// Writes rows.
pub(crate) struct Writer {
    format: u16,
    pieces: Vec<Vec<u8>>,
    piece: Vec<u8>,
}

impl Writer {
    /// No rows.
    pub(crate) fn new(format: u16) -> Self {
        Self {
            format,
            pieces: Vec::new(),
            piece: format.to_le_bytes().to_vec(),
        }
    }

    /// Adds a row of a value in the encoding of the log.
    pub(crate) fn put<T: Serialize + ?Sized>(&mut self, kind: u8, value: &T) {
        self.put_with(kind, |out| {
            encoding::encode_into(&value, out)
                .expect("what a machine keeps is bounded far below the limit of the encoding");
        });
    }

    /// Adds a row with the body that `body` appends.
    pub(crate) fn put_with(&mut self, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
        let start = self.piece.len();
        self.piece.extend_from_slice(&[0; ROW_HEADER]);
        body(&mut self.piece);
        let len = u32::try_from(self.piece.len() - start - ROW_HEADER).expect("a row is far below 4 GiB");
        self.piece[start..start + 4].copy_from_slice(&len.to_le_bytes());
        self.piece[start + 4] = kind;
        let is_first = start == size_of::<u16>();
        if self.piece.len() > PIECE_LEN && !is_first {
            let mut next = self.format.to_le_bytes().to_vec();
            next.extend(self.piece.drain(start..));
            self.pieces.push(std::mem::replace(&mut self.piece, next));
        }
    }

    /// The pieces; at least one.
    pub(crate) fn finish(mut self) -> Vec<Vec<u8>> {
        self.pieces.push(self.piece);
        self.pieces
    }
}

/// A row as read.
pub(crate) struct Row<'a> {
    /// What it holds.
    pub(crate) kind: u8,
    /// Its body.
    pub(crate) body: &'a [u8],
}

impl Row<'_> {
    /// Its value in the encoding of the log.
    pub(crate) fn value<T: DeserializeOwned>(&self) -> Result<T, LoadError> {
        encoding::decode(self.body).map_err(|error| self.broken(&error))
    }

    /// Its record of a ledger, in the ledger's own encoding.
    pub(crate) fn record(&self) -> Result<Record, LoadError> {
        Record::decode(self.body).map_err(|error| self.broken(&error))
    }

    fn broken(&self, error: &dyn std::error::Error) -> LoadError {
        malformed(format!("row of kind {}: {error}", self.kind))
    }

    /// Refuses a row of a kind that the machine's format has not.
    pub(crate) fn unknown(&self) -> LoadError {
        malformed(format!("a row of kind {}, which its format has not", self.kind))
    }
}

/// Hands every row to `take`, in order.
///
/// # Errors
/// [`LoadError::Format`] for a later format than `known`, [`LoadError::Malformed`], and what `take` returns.
pub(crate) fn read(
    known: u16,
    pieces: &[Vec<u8>],
    mut take: impl FnMut(Row<'_>) -> Result<(), LoadError>,
) -> Result<(), LoadError> {
    if pieces.is_empty() {
        return Err(malformed("no pieces"));
    }
    for piece in pieces {
        let (format, mut rest) = piece
            .split_first_chunk()
            .ok_or_else(|| malformed("a piece without a format"))?;
        let found = u16::from_le_bytes(*format);
        if found == 0 || found > known {
            return Err(LoadError::Format { found, known });
        }
        while !rest.is_empty() {
            let (row, next) = split(rest).ok_or_else(|| malformed("a row ends early"))?;
            take(row)?;
            rest = next;
        }
    }
    Ok(())
}

fn split(bytes: &[u8]) -> Option<(Row<'_>, &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    let (&kind, rest) = rest.split_first()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    let (body, rest) = rest.split_at_checked(len)?;
    Some((Row { kind, body }, rest))
}

/// Something in a snapshot is not what it should be.
pub(crate) fn malformed(what: impl Into<String>) -> LoadError {
    LoadError::Malformed(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(pieces: &[Vec<u8>]) -> Vec<(u8, Vec<u8>)> {
        let mut rows = Vec::new();
        read(1, pieces, |row| {
            rows.push((row.kind, row.body.to_vec()));
            Ok(())
        })
        .unwrap();
        rows
    }

    #[test]
    fn rows_come_back_in_order_and_pieces_stay_small() {
        let sizes = [10, PIECE_LEN / 2, PIECE_LEN / 2, 3 * PIECE_LEN, 0, 7];
        let mut writer = Writer::new(1);
        for (kind, &size) in (1..).zip(&sizes) {
            writer.put_with(kind, |out| out.resize(out.len() + size, kind));
        }
        let pieces = writer.finish();
        let lens: Vec<usize> = pieces.iter().map(Vec::len).collect();
        assert_eq!(
            lens,
            [
                2 + 15 + 5 + PIECE_LEN / 2,
                2 + 5 + PIECE_LEN / 2,
                2 + 5 + 3 * PIECE_LEN,
                2 + 5 + 12
            ]
        );
        let expected: Vec<_> = (1..)
            .zip(&sizes)
            .map(|(kind, &size)| (kind, vec![kind; size]))
            .collect();
        assert_eq!(rows(&pieces), expected);
    }

    #[test]
    fn a_later_format_and_a_cut_row_are_refused() {
        let mut writer = Writer::new(2);
        writer.put(1, &7_u32);
        let mut pieces = writer.finish();
        assert!(matches!(
            read(1, &pieces, |_| Ok(())),
            Err(LoadError::Format { found: 2, known: 1 })
        ));
        pieces[0].pop();
        assert!(matches!(
            read(2, &pieces, |_| Ok(())),
            Err(LoadError::Malformed(_))
        ));
        assert!(matches!(read(2, &[], |_| Ok(())), Err(LoadError::Malformed(_))));
    }
}
