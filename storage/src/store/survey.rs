//! Reads everything, for whoever wants to know what there is and whether it is whole.

use std::collections::BTreeMap;

use redb::ReadableDatabase;

use super::database::{LOGS, ROWS};
use super::reader::damaged;
use super::seal::Seal;
use super::{Place, ReadError, Store};

/// Damage beyond this is counted only.
const SHOWN: usize = 100;

/// A log, as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSurvey {
    /// Index of the first record.
    pub first: u64,
    /// Index of the last record.
    pub last: u64,
    /// How many there are.
    pub records: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// A table, as far as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableSurvey {
    /// How many rows there are.
    pub rows: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

/// What is in a store.
#[derive(Debug, Default)]
pub struct Survey {
    /// Each log that has records.
    pub logs: BTreeMap<u16, LogSurvey>,
    /// Each table that has rows.
    pub tables: BTreeMap<u16, TableSurvey>,
    /// The first hundred records and rows that are damaged.
    pub damage: Vec<ReadError>,
    /// How many are.
    pub damaged: u64,
}

impl Store {
    /// Reads every record and row and checks each.
    ///
    /// # Errors
    /// [`ReadError`] when pages cannot be read, so that it is not known what is in them.
    pub fn survey(&self) -> Result<Survey, ReadError> {
        self.read_file(|database| {
            let transaction = database.begin_read()?;
            let mut survey = Survey::default();
            for entry in transaction.open_table(LOGS)?.range::<(u16, u64)>(..)? {
                let (key, value) = entry?;
                let (log, index) = key.value();
                survey.record(log, index, value.value());
            }
            for entry in transaction.open_table(ROWS)?.range::<(u16, &[u8])>(..)? {
                let (key, value) = entry?;
                let (table, key) = key.value();
                survey.row(table, key, value.value());
            }
            Ok(survey)
        })
    }
}

impl Survey {
    fn record(&mut self, log: u16, index: u64, stored: &[u8]) {
        let content = Seal::record(log, index).open(stored);
        let bytes = content.map_or(0, <[u8]>::len) as u64;
        let found = self.logs.entry(log).or_insert(LogSurvey {
            first: index,
            last: index,
            records: 0,
            bytes: 0,
        });
        let is_next = found.records == 0 || found.last.checked_add(1) == Some(index);
        found.last = index;
        found.records += 1;
        found.bytes += bytes;
        if content.is_none() {
            self.note(Place::Record { log, index }, "wrong checksum");
        }
        if !is_next {
            self.note(Place::Record { log, index }, "the record before it is missing");
        }
    }

    fn row(&mut self, table: u16, key: &[u8], stored: &[u8]) {
        let content = Seal::row(table, key).open(stored);
        let found = self.tables.entry(table).or_default();
        found.rows += 1;
        found.bytes += (key.len() + content.map_or(0, <[u8]>::len)) as u64;
        if content.is_none() {
            let key = key.to_vec();
            self.note(Place::Row { table, key }, "wrong checksum");
        }
    }

    fn note(&mut self, place: Place, what: &str) {
        self.damaged += 1;
        if self.damage.len() < SHOWN {
            self.damage.push(damaged(place, what));
        }
    }
}
