//! Server-sent events out of bytes that arrive in any pieces (WHATWG HTML section 9.2).
//!
//! [`Splitter`] cuts what arrives at the last end of an event, so that whatever leaves the router ends where an event of
//! its own may follow. [`events`] reads the events of such a piece.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// An event did not end within the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {max} bytes")]
pub(crate) struct TooLong {
    pub(crate) max: usize,
}

/// Holds back the event that is not complete yet.
#[derive(Debug)]
pub(crate) struct Splitter {
    tail: BytesMut,
    max: usize,
}

impl Splitter {
    /// `max`: longest event held, in bytes; events that arrive in one piece are not measured.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            tail: BytesMut::new(),
            max,
        }
    }

    /// Takes the next piece; gives back all events it completes as one piece, empty if there are none.
    ///
    /// A piece that ends with an event comes back as it is, uncopied.
    pub(crate) fn push(&mut self, mut piece: Bytes) -> Result<Bytes, TooLong> {
        if self.tail.is_empty() {
            let rest = piece.split_off(complete_len(&piece, 0));
            self.hold(&rest)?;
            return Ok(piece);
        }
        // A blank line may have begun in the tail: two line ends of two bytes, the last byte being in this piece.
        let from = self.tail.len().saturating_sub(3);
        self.tail.extend_from_slice(&piece);
        let rest = self.tail.split_off(complete_len(&self.tail, from));
        let complete = std::mem::replace(&mut self.tail, rest).freeze();
        self.hold(&[])?;
        Ok(complete)
    }

    /// What is left when the stream ends: the last event if the sender did not close it with a blank line.
    pub(crate) fn finish(&mut self) -> Bytes {
        std::mem::take(&mut self.tail).freeze()
    }

    fn hold(&mut self, rest: &[u8]) -> Result<(), TooLong> {
        self.tail.extend_from_slice(rest);
        match self.tail.len() <= self.max {
            true => Ok(()),
            false => Err(TooLong { max: self.max }),
        }
    }
}

/// Length of `buf` up to its last blank line, which ends an event. `buf` starts with a line; a blank line is looked for
/// from `from` on.
fn complete_len(buf: &[u8], from: usize) -> usize {
    let mut end = buf.len();
    while let Some(last) = memchr::memrchr2(b'\n', b'\r', &buf[from..end]) {
        let last = from + last;
        let is_crlf = buf[last] == b'\n' && last > 0 && buf[last - 1] == b'\r';
        let line_end = if is_crlf { last - 1 } else { last };
        if line_end == 0 || matches!(buf[line_end - 1], b'\n' | b'\r') {
            return last + 1;
        }
        end = line_end.max(from);
    }
    0
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// Where it stands, its blank line included.
    pub(crate) span: Range<usize>,
    /// Its `event:` field; empty if it has none.
    pub(crate) name: &'a [u8],
    /// Its `data:` fields, joined by line feeds; `None` if it has none, as comments and keep-alives do.
    pub(crate) data: Option<Cow<'a, [u8]>>,
}

/// The events in `bytes`, an unterminated one at the end included. Their spans cover `bytes` without gaps.
pub(crate) fn events(bytes: &[u8]) -> impl Iterator<Item = Event<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        let mut name = &b""[..];
        let mut data: Option<Cow<'_, [u8]>> = None;
        while at < bytes.len() {
            let line = next_line(bytes, &mut at);
            if line.is_empty() {
                break;
            }
            match field(line) {
                (b"data", value) => match &mut data {
                    None => data = Some(Cow::Borrowed(value)),
                    Some(data) => {
                        data.to_mut().push(b'\n');
                        data.to_mut().extend_from_slice(value);
                    }
                },
                (b"event", value) => name = value,
                _ => {}
            }
        }
        (at > start).then_some(Event {
            span: start..at,
            name,
            data,
        })
    })
}

/// The line at `at`, without its end; moves `at` behind it.
fn next_line<'a>(bytes: &'a [u8], at: &mut usize) -> &'a [u8] {
    let rest = &bytes[*at..];
    let len = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
    let end = match rest.get(len..) {
        Some([b'\r', b'\n', ..]) => len + 2,
        Some([_, ..]) => len + 1,
        _ => len,
    };
    *at += end;
    &rest[..len]
}

/// Name and value of a line; one space after the colon belongs to neither.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', line) {
        Some(colon) => {
            let value = &line[colon + 1..];
            (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
        }
        None => (line, b""),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Read = (Vec<u8>, Vec<u8>);

    fn read(bytes: &[u8]) -> Vec<Read> {
        let data = |event: Event<'_>| Some((event.name.to_vec(), event.data?.into_owned()));
        events(bytes).filter_map(data).collect()
    }

    fn read_in_pieces(pieces: &[&[u8]], max: usize) -> Result<(Vec<Read>, Vec<u8>), TooLong> {
        let mut splitter = Splitter::new(max);
        let (mut all, mut forwarded) = (Vec::new(), Vec::new());
        for piece in pieces {
            let complete = splitter.push(Bytes::copy_from_slice(piece))?;
            all.extend(read(&complete));
            forwarded.extend_from_slice(&complete);
        }
        let rest = splitter.finish();
        all.extend(read(&rest));
        forwarded.extend_from_slice(&rest);
        Ok((all, forwarded))
    }

    #[test]
    fn fields_comments_and_line_ends_are_read_as_specified() {
        let text = b": hi\n\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\ndata:  x\rid: 7\r\rdata\n\ndata: end";
        assert_eq!(
            read(text),
            [
                (b"a".to_vec(), b"1\n2".to_vec()),
                (b"".to_vec(), b" x".to_vec()),
                (b"".to_vec(), b"".to_vec()),
                (b"".to_vec(), b"end".to_vec()),
            ]
        );
    }

    #[test]
    fn a_piece_that_ends_with_an_event_comes_back_uncopied() {
        let piece = Bytes::from_static(b"data: 1\n\ndata: 2\n\n");
        let back = Splitter::new(0).push(piece.clone()).unwrap();
        assert_eq!((back.as_ptr(), back.len()), (piece.as_ptr(), piece.len()));
    }

    #[test]
    fn an_event_over_the_bound_is_an_error() {
        assert_eq!(
            read_in_pieces(&[b"data: 12", b"3456"], 10),
            Err(TooLong { max: 10 })
        );
        assert!(read_in_pieces(&[b"data: 12", b"34\n\n"], 10).is_ok());
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_events(
            lines in proptest::collection::vec("(data: ?[a-z:]{0,6}|event: [a-z]{1,3}|: c|id: 1|)(\n|\r\n|\r)", 0..20),
            last in "(data: [a-z]{0,6})?",
            cuts in proptest::collection::vec(0_usize..200, 0..12),
        ) {
            let text = lines.concat() + &last;
            let text = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect();
            let (all, forwarded) = read_in_pieces(&pieces, 1_000).unwrap();
            prop_assert_eq!(forwarded, text);
            prop_assert_eq!(all, read(text));
        }

        #[test]
        fn spans_cover_the_bytes(text in "(data: x|[a-z]|\n|\r){0,40}") {
            let mut at = 0;
            for event in events(text.as_bytes()) {
                prop_assert_eq!(event.span.start, at);
                at = event.span.end;
            }
            prop_assert_eq!(at, text.len());
        }
    }
}
