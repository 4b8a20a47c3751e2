//! Reading logs and rows.

use std::fmt;
use std::sync::Arc;

use redb::ReadableDatabase;

use super::database::{LOGS, Options, ROWS, Shared};
use super::ends::Ends;
use super::seal::Seal;
use super::{OpenError, Place, ReadError, Writer};
use crate::disk::Disk;

/// Key and value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Reads what is committed. Clones share the file; it is closed when the last of them and the writer are gone.
#[derive(Clone)]
pub struct Store {
    pub(super) shared: Arc<Shared>,
}

impl fmt::Debug for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store of a directory, which is made if there is none. After a crash the whole file is read.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<(Self, Writer), OpenError> {
        let store = Self {
            shared: Arc::new(Shared::open(disk, options)?),
        };
        let ends = store.ends().map_err(|error| OpenError::Corrupt {
            file: super::NAME,
            what: error.to_string(),
        })?;
        let writer = Writer::new(Arc::clone(&store.shared), ends);
        Ok((store, writer))
    }

    /// First and last index of a log; `None` if it has no records.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn bounds(&self, log: u16) -> Result<Option<(u64, u64)>, ReadError> {
        self.read_file(|database| {
            let logs = database.begin_read()?.open_table(LOGS)?;
            let mut range = logs.range((log, 0)..=(log, u64::MAX))?;
            let Some(first) = range.next().transpose()? else {
                return Ok(None);
            };
            let first = first.0.value().1;
            let last = range.next_back().transpose()?;
            Ok(Some((first, last.map_or(first, |last| last.0.value().1))))
        })
    }

    /// Records at consecutive indices, from `from` or else the first after it on; at most `max_records`, and no more than the first
    /// once they are `max_bytes` long together.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] if a record is damaged or one is missing between two others.
    pub fn read(
        &self,
        log: u16,
        from: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, ReadError> {
        self.read_file(|database| {
            let logs = database.begin_read()?.open_table(LOGS)?;
            let mut found: Vec<(u64, Vec<u8>)> = Vec::new();
            let mut bytes = 0;
            for entry in logs.range((log, from)..=(log, u64::MAX))?.take(max_records) {
                let (key, value) = entry?;
                let (index, stored) = (key.value().1, value.value());
                bytes += stored.len();
                if bytes > max_bytes && !found.is_empty() {
                    break;
                }
                let place = || Place::Record { log, index };
                let Some(record) = Seal::record(log, index).open(stored) else {
                    return Ok(Err(damaged(place(), "wrong checksum")));
                };
                if found.last().is_some_and(|(last, _)| last + 1 != index) {
                    return Ok(Err(damaged(place(), "the record before it is missing")));
                }
                found.push((index, record.to_vec()));
            }
            Ok(Ok(found))
        })?
    }

    /// The value of a row; `None` if there is no such row.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn get(&self, table: u16, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.read_file(|database| {
            let rows = database.begin_read()?.open_table(ROWS)?;
            let stored = rows.get((table, key))?;
            Ok(stored
                .map(|stored| open_row(table, key, stored.value()))
                .transpose())
        })?
    }

    /// Rows of a table in the order of their keys, from `from` or else the first after it on; at most `max`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn scan(&self, table: u16, from: &[u8], max: usize) -> Result<Vec<Row>, ReadError> {
        self.read_file(|database| {
            let rows = database.begin_read()?.open_table(ROWS)?;
            let mut found = Vec::new();
            for entry in rows.range((table, from)..)?.take(max) {
                let (key, value) = entry?;
                let (of, key) = key.value();
                if of != table {
                    break;
                }
                match open_row(table, key, value.value()) {
                    Ok(value) => found.push((key.to_vec(), value)),
                    Err(error) => return Ok(Err(error)),
                }
            }
            Ok(Ok(found))
        })?
    }

    /// First and last index of every log.
    pub(super) fn ends(&self) -> Result<Ends, ReadError> {
        self.read_file(|database| {
            let logs = database.begin_read()?.open_table(LOGS)?;
            let mut ends = Ends::default();
            let mut from = Some(0);
            while let Some(next) = from {
                let Some(first) = logs.range((next, 0)..)?.next().transpose()? else {
                    break;
                };
                let (log, first) = first.0.value();
                let last = logs
                    .range((log, first)..=(log, u64::MAX))?
                    .next_back()
                    .transpose()?;
                ends.0
                    .insert(log, (first, last.map_or(first, |last| last.0.value().1)));
                from = log.checked_add(1);
            }
            Ok(ends)
        })
    }

    pub(super) fn read_file<T>(
        &self,
        work: impl FnOnce(&redb::Database) -> Result<T, redb::Error>,
    ) -> Result<T, ReadError> {
        self.shared.with(work).map_err(|error| match error {
            redb::Error::Io(_)
            | redb::Error::PreviousIo
            | redb::Error::DatabaseClosed
            | redb::Error::LockPoisoned(_) => ReadError::Disk(error.to_string()),
            error => damaged(Place::File, &error.to_string()),
        })
    }
}

fn open_row(table: u16, key: &[u8], stored: &[u8]) -> Result<Vec<u8>, ReadError> {
    match Seal::row(table, key).open(stored) {
        Some(value) => Ok(value.to_vec()),
        None => Err(damaged(
            Place::Row {
                table,
                key: key.to_vec(),
            },
            "wrong checksum",
        )),
    }
}

pub(super) fn damaged(place: Place, what: &str) -> ReadError {
    ReadError::Corrupt {
        place,
        what: what.to_owned(),
    }
}
