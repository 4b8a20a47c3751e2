//! The segment that is written: made whole, or gone on in.

use std::io::{self, ErrorKind};

use super::OpenError;
use super::recovery::{self, failed};
use super::segment::{self, Header};
use crate::disk::{Disk, DiskFile};

/// The segment that is written.
pub(super) struct Active {
    pub(super) segment: u64,
    pub(super) file: Box<dyn DiskFile>,
    pub(super) len: usize,
    /// Bytes known durable.
    pub(super) synced: usize,
    /// End of the last record; what follows is a mark.
    pub(super) records_end: usize,
}

/// Goes on in the last segment, what is torn cut off and the rest durable.
pub(super) fn reopen(disk: &dyn Disk, tail: &recovery::Tail) -> Result<Active, OpenError> {
    let name = segment::name(tail.segment);
    let mut file = disk.open(&name).map_err(|source| failed("open", &name, source))?;
    file.truncate(tail.len as u64)
        .map_err(|source| failed("truncate", &name, source))?;
    file.sync().map_err(|source| failed("sync", &name, source))?;
    disk.sync_names().map_err(|source| failed("sync", ".", source))?;
    Ok(Active {
        segment: tail.segment,
        file,
        len: tail.len,
        synced: tail.len,
        records_end: tail.len,
    })
}

/// Makes a segment that begins with `frames`, whole and durable under its name.
pub(super) fn begin(disk: &dyn Disk, segment: u64, follows: u32, frames: &[u8]) -> Result<Active, Failure> {
    let (temporary, name) = (segment::temporary_name(segment), segment::name(segment));
    let len = segment::HEADER + frames.len();
    let header = Header {
        segment,
        follows,
        sealed: len as u32,
    };
    let mut bytes = Vec::with_capacity(len);
    bytes.extend_from_slice(&header.encode());
    bytes.extend_from_slice(frames);

    let mut file = step("create", &temporary, disk.create(&temporary))?;
    step("append to", &temporary, file.append(&bytes))?;
    step("sync", &temporary, file.sync())?;
    step("rename", &temporary, disk.rename(&temporary, &name))?;
    step("sync", ".", disk.sync_names())?;
    Ok(Active {
        segment,
        file,
        len,
        synced: len,
        records_end: len,
    })
}

pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Which step of making a segment failed.
pub(super) struct Failure {
    pub(super) doing: &'static str,
    pub(super) file: String,
    pub(super) source: io::Error,
}

fn step<T>(doing: &'static str, file: &str, result: io::Result<T>) -> Result<T, Failure> {
    result.map_err(|source| Failure {
        doing,
        file: file.to_owned(),
        source,
    })
}

impl Failure {
    /// A full disk before the segment had its name: the journal is as before.
    pub(super) fn is_harmless(&self) -> bool {
        self.source.kind() == ErrorKind::StorageFull
            && segment::is_temporary(&self.file)
            && self.doing != "sync"
    }

    pub(super) fn into_open_error(self) -> OpenError {
        failed(self.doing, &self.file, self.source)
    }
}
