//! Finds out where a log ends after its process or its power went away.

use std::io;

use super::error::{Broken, Flaw, OpenError};
use super::{Line, Report, Verification, number};
use crate::disk::Disk;

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// Numbers of the first lines of the files, oldest first.
    pub(super) files: Vec<u64>,
    /// What the last of them holds.
    pub(super) last: Option<(u64, Whole)>,
    /// Torn bytes at the end; those of the last file are still there.
    pub(super) cut_bytes: u64,
}

/// The beginning of a file, up to where it is torn.
pub(super) struct Whole {
    pub(super) len: usize,
    pub(super) report: Report,
}

pub(super) fn failed(doing: &'static str, file: &str) -> impl FnOnce(io::Error) -> OpenError {
    move |source| OpenError::Disk {
        doing,
        file: file.to_owned(),
        source,
    }
}

/// Checks the last file, which bounds how long a start takes, and removes files that have no whole line.
pub(super) fn run(disk: &dyn Disk) -> Result<Found, OpenError> {
    let names = disk.list().map_err(failed("list", "."))?;
    let mut found = Found {
        files: names.iter().filter_map(|name| number(name)).collect(),
        ..Found::default()
    };
    while let Some(&first) = found.files.last() {
        let name = super::name(first);
        let bytes = disk.read(&name).map_err(failed("read", &name))?;
        let whole = whole(&name, &bytes).map_err(OpenError::Damaged)?;
        let len = whole.as_ref().map_or(0, |whole| whole.len);
        found.cut_bytes += (bytes.len() - len) as u64;
        if let Some(whole) = whole {
            found.last = Some((first, whole));
            break;
        }
        disk.remove(&name).map_err(failed("remove", &name))?;
        found.files.pop();
    }
    Ok(found)
}

/// What a file holds before its torn tail; `None` if that is nothing.
///
/// # Errors
/// Damage: bytes that no power failure can have left like that.
fn whole(name: &str, bytes: &[u8]) -> Result<Option<Whole>, Broken> {
    let lines = || bytes.split_inclusive(|byte| *byte == b'\n');
    let mut verification = Verification::default();
    let mut good = 0;
    if let Err(broken) = verification.file(name, bytes, |_| good += 1) {
        let is_tearable = matches!(broken.flaw, Flaw::Torn | Flaw::Malformed | Flaw::Changed);
        // a line behind the flaw may have come to the disk whole, and knows what was durable before it
        let synced = lines()
            .filter_map(|line| Some(Line::parse(line).ok()?.synced))
            .max();
        if !is_tearable || synced >= Some(broken.seq) {
            return Err(broken);
        }
    }
    let len = lines().take(good).map(<[u8]>::len).sum();
    Ok(verification.part()?.map(|report| Whole { len, report }))
}
