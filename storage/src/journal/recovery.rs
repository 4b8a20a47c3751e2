//! Reads a journal back after its process or its power went away.

use std::error::Error;

use super::OpenError;
use super::frame;
use super::segment::{self, Header};
use crate::disk::Disk;

/// What was found on disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Records read, those of the snapshot included.
    pub records: u64,
    /// Segments read.
    pub segments: u64,
    /// Torn bytes cut from the end of the last segment; more than none after a power failure or a full disk.
    pub cut_bytes: u64,
}

/// Takes one record; an error ends the reading.
pub(super) type Reader<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), Box<dyn Error + Send + Sync>>;

/// The segment that appends go on in.
pub(super) struct Tail {
    pub(super) segment: u64,
    /// Bytes that are whole; what follows is to be cut.
    pub(super) len: usize,
    /// Bytes in all segments read, the tail cut.
    pub(super) total: u64,
}

/// Reads every record in order. `None` if there are no segments.
pub(super) fn run(disk: &dyn Disk, read: Reader<'_>) -> Result<(Recovered, Option<Tail>), OpenError> {
    let headers = clean_up(disk)?;
    let mut recovered = Recovered::default();
    let mut tail = None;
    let mut total = 0;
    for (at, header) in headers.iter().enumerate() {
        let name = segment::name(header.segment);
        let bytes = disk.read(&name).map_err(|source| failed("read", &name, source))?;
        let end = replay(*header, &bytes, &mut recovered, read)?;
        let promised = match headers.get(at + 1) {
            Some(next) => next.follows as usize,
            None => durable(*header, &bytes, end),
        };
        if end < promised {
            return Err(OpenError::Corrupt {
                file: name,
                offset: end as u64,
                what: "not a whole record, though it was durable",
            });
        }
        recovered.cut_bytes = (bytes.len() - end) as u64;
        total += end as u64;
        tail = Some(Tail {
            segment: header.segment,
            len: end,
            total,
        });
    }
    Ok((recovered, tail))
}

/// Removes what a crash left behind: unfinished segments, and segments before the latest that needs none before it.
/// Returns the headers of the others, an unbroken run.
fn clean_up(disk: &dyn Disk) -> Result<Vec<Header>, OpenError> {
    let names = disk.list().map_err(|source| failed("list", ".", source))?;
    for name in names.iter().filter(|name| segment::is_temporary(name)) {
        disk.remove(name)
            .map_err(|source| failed("remove", name, source))?;
    }
    let mut headers = Vec::new();
    for number in names.iter().filter_map(|name| segment::number(name)) {
        let name = segment::name(number);
        let start = disk
            .read_start(&name, segment::HEADER)
            .map_err(|source| failed("read", &name, source))?;
        headers.push(Header::decode(number, &start)?);
    }
    let first = headers
        .iter()
        .rposition(|header| header.follows == 0)
        .unwrap_or(0);
    let current = headers.split_off(first);
    check_unbroken(&current)?;
    for header in headers {
        let name = segment::name(header.segment);
        disk.remove(&name)
            .map_err(|source| failed("remove", &name, source))?;
    }
    Ok(current)
}

fn check_unbroken(headers: &[Header]) -> Result<(), OpenError> {
    let Some(first) = headers.first() else {
        return Ok(());
    };
    let missing = |segment: u64| OpenError::Missing {
        file: segment::name(segment),
    };
    if first.follows != 0 {
        return Err(missing(first.segment.saturating_sub(1)));
    }
    match headers
        .windows(2)
        .find(|pair| pair[0].segment + 1 != pair[1].segment)
    {
        Some(gap) => Err(missing(gap[0].segment + 1)),
        None => Ok(()),
    }
}

/// Hands out the records of one segment; returns where the whole ones end.
fn replay(
    header: Header,
    bytes: &[u8],
    recovered: &mut Recovered,
    read: Reader<'_>,
) -> Result<usize, OpenError> {
    let mut offset = segment::HEADER;
    while let Some(frame) = frame::read(bytes, header.segment, offset) {
        if let Some(record) = frame.payload {
            read(record).map_err(|source| OpenError::Refused {
                file: segment::name(header.segment),
                offset: offset as u64,
                source,
            })?;
            recovered.records += 1;
        }
        offset = frame.next;
    }
    recovered.segments += 1;
    Ok(offset)
}

/// How many bytes of the last segment were durable once, as far as what follows the damage at `offset` tells.
fn durable(header: Header, bytes: &[u8], offset: usize) -> usize {
    let mut durable = header.sealed;
    let mut from = offset;
    while let Some(frame) = frame::find(bytes, header.segment, from) {
        durable = durable.max(frame.synced);
        from = frame.next;
    }
    durable as usize
}

pub(super) fn failed(doing: &'static str, file: &str, source: std::io::Error) -> OpenError {
    OpenError::Disk {
        doing,
        file: file.to_owned(),
        source,
    }
}
