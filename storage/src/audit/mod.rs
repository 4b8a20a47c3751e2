//! A log of records that cannot be altered unseen (atp.md 27.3, docs/adr/0007).
//!
//! [`AuditLog::open`] goes on where the last process ended, [`AuditLog::append`] chains records to it, [`AuditLog::sync`]
//! makes them survive a power failure. [`Verification`] follows the chain through files and names the first line that is
//! not what was written.
//!
//! On disk, format 1, one line of canonical JSON a record:
//!
//! ```text
//! <seq of its first line, 20 digits>.jsonl
//!   {"hash":"…","prev":"…","record":{…},"seq":12,"synced":9}
//! ```
//!
//! `hash` is the SHA-256 in hex of the line without its member `hash`, `prev` the hash of the line before (zeros before the
//! first), `seq` counts from 1 without end, `synced` is the last line that was durable when this one was written. The first
//! record of each file is [`Header`]'s. Damage is judged by what was promised, as in the journal: what does not check and no
//! line says was durable is a torn tail, which opening cuts; anything else keeps the log from being opened.
//!
//! At the bounds: a file past [`Options::file_bytes`] is followed by another; of more than [`Options::files_max`] the oldest
//! is removed, which the header of the file that follows has announced, or tried again with the next file. A write that fails is undone and may be repeated; one
//! that cannot be undone, or a failed sync, ends the log until it is opened anew.

mod error;
mod header;
mod line;
mod log;
mod recovery;
mod verification;

#[cfg(test)]
mod tests;

pub use error::{Broken, Flaw, OpenError, WriteError};
pub use header::Header;
pub use line::{Hash, Head, Line};
pub use log::{AuditLog, Opened, Options};
pub use verification::{Report, Verification};

const SUFFIX: &str = ".jsonl";

/// The file whose first line is number `first`.
fn name(first: u64) -> String {
    format!("{first:020}{SUFFIX}")
}

/// The number of the first line of a file of the log; `None` for files of another kind.
#[must_use]
pub fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}
