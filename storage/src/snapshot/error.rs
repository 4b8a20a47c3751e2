//! What can go wrong, by what to do about it.

use std::io::{self, ErrorKind};

/// Why a snapshot was not written, read or received.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// There is none with that name.
    #[error("there is no snapshot {file}")]
    Missing {
        /// The file.
        file: String,
    },
    /// Damaged, or cut short. Remove it and take another.
    #[error("{file} is corrupt at byte {offset}: {what}; remove it, another will be made or sent")]
    Corrupt {
        /// The file.
        file: String,
        /// Where the damage begins.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// Written by a later release.
    #[error("{file} has snapshot format {found}, this release reads {known}; start a release that knows it")]
    Format {
        /// The file.
        file: String,
        /// The format found.
        found: u16,
        /// The latest format this release knows.
        known: u16,
    },
    /// Something is over its bound. Nothing was written.
    #[error("{len} bytes in one {what}, at most {max} are possible")]
    TooLarge {
        /// `chunk` or `metadata`.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The bound.
        max: usize,
    },
    /// The disk is full. Try again when there is space.
    #[error("the disk is full; free some space")]
    Full,
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

impl SnapshotError {
    /// For `map_err`: what it means that the disk failed so.
    pub(super) fn disk(doing: &'static str, file: &str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            ErrorKind::NotFound => Self::Missing { file },
            _ => Self::Disk { doing, file, source },
        }
    }
}
