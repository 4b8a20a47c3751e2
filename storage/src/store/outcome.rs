//! Whether a commit that was not acknowledged is there.

use std::collections::BTreeMap;

use super::ends::Ends;
use super::{Change, ReadError, Store};

/// What a commit leaves of its own in the file.
#[derive(Default)]
struct Left<'a> {
    records: BTreeMap<(u16, u64), &'a [u8]>,
    rows: BTreeMap<(u16, &'a [u8]), Option<&'a [u8]>>,
}

/// Whether the store is as `changes` leave it; `ends` is what they leave of the logs.
pub(super) fn is_carried_out(store: &Store, changes: &[Change], ends: &Ends) -> Result<bool, ReadError> {
    if store.ends()? != *ends {
        return Ok(false);
    }
    let left = Left::by(changes, ends);
    for ((log, index), record) in left.records {
        let found = store.read(log, index, 1, usize::MAX)?;
        if found
            .first()
            .is_none_or(|(at, found)| *at != index || found != record)
        {
            return Ok(false);
        }
    }
    for ((table, key), value) in left.rows {
        if store.get(table, key)?.as_deref() != value {
            return Ok(false);
        }
    }
    Ok(true)
}

impl<'a> Left<'a> {
    fn by(changes: &'a [Change], ends: &Ends) -> Self {
        let mut left = Self::default();
        for change in changes {
            match change {
                Change::Append { log, first, records } => {
                    let places = (*first..).map(|index| (*log, index));
                    left.records.extend(places.zip(records.iter().map(Vec::as_slice)));
                }
                Change::Put { table, key, value } => {
                    left.rows.insert((*table, key), Some(value));
                }
                Change::Remove { table, key } => {
                    left.rows.insert((*table, key), None);
                }
                Change::Truncate { .. } | Change::Purge { .. } => {}
            }
        }
        left.records.retain(|(log, index), _| {
            let kept = ends.0.get(log);
            kept.is_some_and(|(first, last)| (first..=last).contains(&index))
        });
        left
    }
}
