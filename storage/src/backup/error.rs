//! What can go wrong with a backup, by what to do about it.

use std::io;

/// Why a backup cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It is some other file.
    #[error("it is no backup; name a file that `atpctl backup` wrote")]
    Foreign,
    /// Written by a later release.
    #[error("it has backup format {found}, this release reads {known}; use the release that wrote it")]
    Format {
        /// The format found.
        found: u16,
        /// The latest format this release knows.
        known: u16,
    },
    /// Damaged.
    #[error("it is corrupt at byte {offset}: {what}; use another backup")]
    Corrupt {
        /// Where the damage begins.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// Cut short.
    #[error(
        "it ends too early, after {len} bytes; use another backup, or copy it again from where it is whole"
    )]
    Truncated {
        /// Its length in bytes.
        len: u64,
    },
    /// The metadata is over its bound. Nothing was written.
    #[error("metadata of {len} bytes, at most {} are possible", super::MAX_METADATA)]
    TooLarge {
        /// Its length in bytes.
        len: usize,
    },
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[source] io::Error),
}
