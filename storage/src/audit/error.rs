//! What can be wrong with a log, by what to do about it.

use std::io;

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// No line of a log at all.
    #[error("is not a line of an audit log")]
    Malformed,
    /// It ends without a line break.
    #[error("is not whole")]
    Torn,
    /// The hash is not that of the line.
    #[error("was changed: its hash is not that of its contents")]
    Changed,
    /// Whole, but not what followed the line before.
    #[error("does not follow the line before: a line was removed, added or moved")]
    Unlinked,
    /// A file begins with something else than its header.
    #[error("is not the header its file must begin with")]
    Headless,
    /// Written by a later release.
    #[error("says a format that this release does not read; use a release that knows it")]
    Format,
    /// Records before it are gone that rotation has not removed.
    #[error("is not the oldest line there must be: records before it were removed")]
    Missing,
    /// The line with the expected number has another hash.
    #[error("is not the line that was expected under its number")]
    Unexpected,
    /// The log ends before the expected line, or begins after it.
    #[error("is the last of a log that does not hold the expected line")]
    Absent,
}

/// The first line that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line} (record {seq}) {flaw}")]
pub struct Broken {
    /// The file.
    pub file: String,
    /// The line in it, from 1.
    pub line: u64,
    /// The number the record there should have.
    pub seq: u64,
    /// What is wrong.
    pub flaw: Flaw,
}

/// Why a log cannot be opened. Nothing was changed that was promised to last.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What was durable is not what was written. Keep it as evidence: move the directory away to start another chain.
    #[error(
        "the audit log is damaged: {0}; keep the directory as evidence and move it away to start another chain"
    )]
    Damaged(Broken),
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

/// Why records were not appended.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Nothing was appended; the next records may fit again.
    #[error("cannot {doing} the audit log; free some space")]
    Refused {
        /// What was tried.
        doing: &'static str,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// What is on disk is no longer known: the log takes nothing more until it is opened anew.
    #[error("the audit log failed and takes nothing more; restart the node")]
    Ended,
}
