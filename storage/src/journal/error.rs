//! What can go wrong, by what to do about it.

use std::error::Error;
use std::io;

/// Why a journal cannot be opened. Nothing was changed that was promised to last.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Bytes that were durable are damaged. Restore the file from a backup, or move the directory away to start empty.
    #[error(
        "{file} is corrupt at byte {offset}: {what}; restore the file, or move the directory away to start empty"
    )]
    Corrupt {
        /// The segment.
        file: String,
        /// Where the damage begins.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A segment between the first and the last is not there.
    #[error("{file} is missing from the journal; restore it, or move the directory away to start empty")]
    Missing {
        /// The segment.
        file: String,
    },
    /// Written by a later release.
    #[error("{file} has journal format {found}, this release reads {known}; start a release that knows it")]
    Format {
        /// The segment.
        file: String,
        /// The format found.
        found: u32,
        /// The latest format this release knows.
        known: u32,
    },
    /// Whole on disk, refused by whoever reads the records.
    #[error("the record of {file} at byte {offset} was not accepted")]
    Refused {
        /// The segment.
        file: String,
        /// Where the record's frame begins.
        offset: u64,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The disk failed.
    #[error("cannot {doing} {file}")]
    Disk {
        /// What was tried.
        doing: &'static str,
        /// On which file; `.` is the directory.
        file: String,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
}

/// Why records were not appended, synced or compacted.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The disk is full. Nothing was appended; try again when there is space.
    #[error("the disk is full; free some space")]
    Full,
    /// A record or batch is over its bound. Nothing was appended.
    #[error("{len} bytes in one {what}, at most {max} are possible")]
    TooLarge {
        /// `record`, `batch` or `snapshot`.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The bound.
        max: usize,
    },
    /// What is on disk is no longer known: the journal takes nothing more, the node must stop. Opening it anew tells.
    #[error("the journal failed and takes nothing more: cannot {doing} {file}")]
    Failed {
        /// What was tried when it failed.
        doing: &'static str,
        /// On which file.
        file: String,
        /// What the disk said, the first time this is reported.
        #[source]
        source: Option<io::Error>,
    },
}
