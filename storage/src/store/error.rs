//! What can go wrong, by what to do about it.

use std::fmt;
use std::io;

/// Why a store cannot be opened. Nothing was changed that was promised to last.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What was durable is damaged, or this is no store.
    #[error(
        "{file} is corrupt: {what}; a node alone goes on from a backup; as for a member of a cluster, remove its number and add the machine under the next one (docs/operators.md, \"A cluster\")"
    )]
    Corrupt {
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// Written by a later release.
    #[error("{file} has store format {found}, this release reads {known}; start a release that knows it")]
    Format {
        /// The file.
        file: &'static str,
        /// The format found.
        found: u64,
        /// The latest format this release knows.
        known: u64,
    },
    /// The disk failed.
    #[error("cannot {doing} {file}")]
    Disk {
        /// What was tried.
        doing: &'static str,
        /// On which file; `.` is the directory.
        file: &'static str,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
}

/// Where in a store something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A record.
    Record {
        /// Its log.
        log: u16,
        /// Its index.
        index: u64,
    },
    /// A row.
    Row {
        /// Its table.
        table: u16,
        /// Its key.
        key: Vec<u8>,
    },
    /// Somewhere else: a page, or what holds the pages together.
    File,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record { log, index } => write!(out, "record {index} of log {log}"),
            Self::Row { table, key } => write!(out, "row {} of table {table}", hex::encode(key)),
            Self::File => out.write_str("the file of the store"),
        }
    }
}

/// Why something was not read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// What was durable is damaged. The node must not go on with it.
    #[error(
        "{place} is corrupt: {what}; remove this number from the cluster and add the machine under the next one (docs/operators.md, \"A cluster\")"
    )]
    Corrupt {
        /// Where.
        place: Place,
        /// What is wrong there.
        what: String,
    },
    /// The disk failed, or had failed before.
    #[error("cannot read the store: {0}")]
    Disk(String),
}

/// Why a commit can never be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The append does not continue the log.
    #[error("records from {first} on do not continue log {log}, whose next index is {next}")]
    NotNext {
        /// The log.
        log: u16,
        /// The index it goes on at.
        next: u64,
        /// The index that was asked for.
        first: u64,
    },
    /// Something is over its bound.
    #[error("{len} bytes in one {what}, at most {max} are possible")]
    TooLarge {
        /// `record`, `value`, `key` or `commit`.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The bound.
        max: usize,
    },
}

/// Why changes were not committed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// The disk is full. Nothing was changed; try again when there is space.
    #[error("the disk is full; free some space")]
    Full,
    /// Asking for it was a mistake. Nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What is on disk is no longer known: nothing more is taken, the node must stop. Opening the store anew tells.
    #[error("the store failed and takes nothing more: {what}")]
    Ended {
        /// What failed.
        what: String,
    },
}
