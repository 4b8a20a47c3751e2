//! The one who writes.

use std::fmt;
use std::sync::Arc;

use redb::{Database, Table};

use super::change::check_sizes;
use super::database::{LOGS, ROWS, Shared};
use super::ends::Ends;
use super::seal::Seal;
use super::{Change, Store, WriteError, outcome};

/// Commits changes, one commit at a time.
pub struct Writer {
    shared: Arc<Shared>,
    ends: Ends,
    /// Why nothing more is taken.
    ended: Option<String>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Writer")
            .field("ends", &self.ends)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, ends: Ends) -> Self {
        Self {
            shared,
            ends,
            ended: None,
        }
    }

    /// Carries out all of `changes`, in order, or none. They are durable when this returns `Ok`: one sync. Nothing is written for
    /// an empty list.
    ///
    /// # Errors
    /// [`WriteError::Full`] and [`WriteError::Refused`] leave everything as it was; after [`WriteError::Ended`] the commit may be
    /// there or not, and every later one fails.
    pub fn commit(&mut self, changes: &[Change]) -> Result<(), WriteError> {
        if let Some(what) = &self.ended {
            return Err(WriteError::Ended { what: what.clone() });
        }
        check_sizes(changes)?;
        let ends = self.ends.after(changes)?;
        if changes.is_empty() {
            return Ok(());
        }
        match self.shared.with(|database| carry_out(database, changes)) {
            Ok(()) => {
                self.ends = ends;
                Ok(())
            }
            Err(error) => self.fail(&error, changes, ends),
        }
    }

    /// After a full disk the file is opened again, so that reads go on and the commit can be repeated. redb may run out of space when the
    /// commit is durable already; what is there tells.
    fn fail(&mut self, error: &redb::Error, changes: &[Change], ends: Ends) -> Result<(), WriteError> {
        if !self.shared.only_full() {
            return Err(self.end(error.to_string()));
        }
        if let Err(error) = self.shared.reopen() {
            return Err(self.end(format!(
                "cannot open the file again after the disk was full: {error}"
            )));
        }
        let store = Store {
            shared: Arc::clone(&self.shared),
        };
        match outcome::is_carried_out(&store, changes, &ends) {
            Ok(true) => {
                self.ends = ends;
                Ok(())
            }
            Ok(false) => Err(WriteError::Full),
            Err(error) => Err(self.end(error.to_string())),
        }
    }

    fn end(&mut self, what: String) -> WriteError {
        self.ended = Some(what.clone());
        WriteError::Ended { what }
    }
}

/// One transaction. redb's commit in one phase: pages and the header that names them are synced together, and after a crash
/// a header whose pages are not all there is told by its checksums.
fn carry_out(database: &Database, changes: &[Change]) -> Result<(), redb::Error> {
    let is_of_logs = |change: &Change| !matches!(change, Change::Put { .. } | Change::Remove { .. });
    let (has_logs, has_rows) = (
        changes.iter().any(is_of_logs),
        changes.iter().any(|change| !is_of_logs(change)),
    );
    let transaction = database.begin_write()?;
    let mut stored = Vec::new();
    // a table that is opened is written
    if has_logs {
        let mut logs = transaction.open_table(LOGS)?;
        for change in changes {
            change_log(&mut logs, change, &mut stored)?;
        }
    }
    if has_rows {
        let mut rows = transaction.open_table(ROWS)?;
        for change in changes {
            change_row(&mut rows, change, &mut stored)?;
        }
    }
    Ok(transaction.commit()?)
}

fn change_log(
    logs: &mut Table<'_, (u16, u64), &[u8]>,
    change: &Change,
    stored: &mut Vec<u8>,
) -> Result<(), redb::Error> {
    match change {
        Change::Append { log, first, records } => {
            for (index, record) in (*first..).zip(records) {
                Seal::record(*log, index).close(record, stored);
                logs.insert((*log, index), stored.as_slice())?;
            }
        }
        Change::Truncate { log, from } => logs.retain_in((*log, *from)..=(*log, u64::MAX), |_, _| false)?,
        Change::Purge { log, through } => logs.retain_in((*log, 0)..=(*log, *through), |_, _| false)?,
        Change::Put { .. } | Change::Remove { .. } => {}
    }
    Ok(())
}

fn change_row(
    rows: &mut Table<'_, (u16, &[u8]), &[u8]>,
    change: &Change,
    stored: &mut Vec<u8>,
) -> Result<(), redb::Error> {
    match change {
        Change::Put { table, key, value } => {
            Seal::row(*table, key).close(value, stored);
            rows.insert((*table, key.as_slice()), stored.as_slice())?;
        }
        Change::Remove { table, key } => {
            rows.remove((*table, key.as_slice()))?;
        }
        Change::Append { .. } | Change::Truncate { .. } | Change::Purge { .. } => {}
    }
    Ok(())
}
