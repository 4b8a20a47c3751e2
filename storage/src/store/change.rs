//! What a commit does.

use super::Refusal;

/// Longest record or value in bytes.
pub const MAX_RECORD: usize = 16 * 1024 * 1024;

/// Longest key of a row in bytes.
pub const MAX_KEY: usize = 1024;

/// Most bytes in the records, keys and values of a commit.
pub const MAX_COMMIT: usize = 64 * 1024 * 1024;

/// One step of a commit; they are carried out in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Adds records to the end of a log: `first` is the index of the first one, which must follow the last one there is. A log
    /// without records begins anywhere.
    Append {
        /// The log.
        log: u16,
        /// Index of the first record.
        first: u64,
        /// The records, at consecutive indices.
        records: Vec<Vec<u8>>,
    },
    /// Removes the records at `from` and after.
    Truncate {
        /// The log.
        log: u16,
        /// The first index that goes.
        from: u64,
    },
    /// Removes the records up to `through`, it included. Takes the disk some milliseconds for ten thousand records, in which nothing
    /// else is committed: purge long logs in steps.
    Purge {
        /// The log.
        log: u16,
        /// The last index that goes.
        through: u64,
    },
    /// Writes a row, in the place of one with that key.
    Put {
        /// The table.
        table: u16,
        /// Identifies the row in its table.
        key: Vec<u8>,
        /// What is kept.
        value: Vec<u8>,
    },
    /// Removes a row, if there is one with that key.
    Remove {
        /// The table.
        table: u16,
        /// Identifies the row in its table.
        key: Vec<u8>,
    },
}

impl Change {
    /// Bytes of records, keys and values in it, each counted with a few bytes more for its place.
    #[must_use]
    pub fn size(&self) -> usize {
        const PLACE: usize = 16;
        let content = match self {
            Self::Append { records, .. } => records.iter().map(|record| record.len() + PLACE).sum(),
            Self::Truncate { .. } | Self::Purge { .. } => 0,
            Self::Put { key, value, .. } => key.len() + value.len(),
            Self::Remove { key, .. } => key.len(),
        };
        content + PLACE
    }

    pub(super) fn check_size(&self) -> Result<(), Refusal> {
        let check = |what, len, max| match len <= max {
            true => Ok(()),
            false => Err(Refusal::TooLarge { what, len, max }),
        };
        match self {
            Self::Append { records, .. } => records
                .iter()
                .try_for_each(|record| check("record", record.len(), MAX_RECORD)),
            Self::Truncate { .. } | Self::Purge { .. } => Ok(()),
            Self::Put { key, value, .. } => {
                check("key", key.len(), MAX_KEY)?;
                check("value", value.len(), MAX_RECORD)
            }
            Self::Remove { key, .. } => check("key", key.len(), MAX_KEY),
        }
    }
}

/// Checks a commit's bounds.
pub(super) fn check_sizes(changes: &[Change]) -> Result<(), Refusal> {
    changes.iter().try_for_each(Change::check_size)?;
    let len = changes.iter().map(Change::size).sum();
    match len <= MAX_COMMIT {
        true => Ok(()),
        false => Err(Refusal::TooLarge {
            what: "commit",
            len,
            max: MAX_COMMIT,
        }),
    }
}
