//! openraft's log traits over [`Log`].

use std::fmt::Debug;
use std::ops::{Bound, RangeBounds};

use atp_storage::store::{Change, WriteError};
use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{AnyError, EntryPayload, LogState, OptionalSend, RaftLogReader};

use super::{Log, READ_BYTES, Row};
use crate::types::{Entry, LogId, StorageError, StorageIOError, Types, Vote};
use crate::wire::{self, EntryForm, LogIdForm, VoteForm};

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> Result<Vec<Entry>, StorageError> {
        let mut start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        let mut entries = Vec::new();
        // A read ends where the disk's part does.
        loop {
            let more = self.read(start..end, usize::MAX)?;
            let Some(last) = more.last() else {
                return Ok(entries);
            };
            start = last.log_id.index + 1;
            entries.extend(more);
        }
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, StorageError> {
        self.read(start..end, READ_BYTES)
    }
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, StorageError> {
        let state = self.state();
        Ok(LogState {
            last_purged_log_id: state.purged,
            last_log_id: state.last,
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let row = self.put(Row::Vote, wire::encode(&VoteForm::from(*vote)));
        self.write(vec![row])
            .await
            .map_err(|error| StorageIOError::write_vote(AnyError::new(&error)))?;
        self.state().vote = Some(*vote);
        Ok(())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        let mut vote = self.vote()?;
        // A leader that starts again may have lost entries that others have: it must not make others in their place, in the same
        // term. It stands for election like everybody (docs/adr/0014).
        if let Some(vote) = &mut vote
            && vote.leader_id.node_id == self.0.node
        {
            vote.committed = false;
        }
        Ok(vote)
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<Types>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        self.settled().await.map_err(write_error)?;
        let before = self.last();
        let Some(kept) = self.keep(entries) else {
            callback.log_io_completed(Ok(()));
            return Ok(());
        };
        if kept.is_early {
            self.write_early(kept.change, kept.first, before);
        } else {
            self.write(vec![kept.change]).await.map_err(write_error)?;
        }
        self.state().tail.trim(kept.first.saturating_sub(1));
        callback.log_io_completed(Ok(()));
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.settled().await.map_err(write_error)?;
        let before = match log_id.index.checked_sub(1) {
            None => None,
            Some(index) => self.id_at(index)?,
        };
        {
            let mut state = self.state();
            state.tail.truncate(log_id.index);
            state.last = before;
        }
        let change = Change::Truncate {
            log: self.0.group.0,
            from: log_id.index,
        };
        self.write(vec![change]).await.map_err(write_error)
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        self.settled().await.map_err(write_error)?;
        {
            let mut state = self.state();
            state.purged = Some(log_id);
            if state.last.is_none_or(|last| last.index < log_id.index) {
                state.last = Some(log_id);
            }
            state.tail.purge(log_id.index);
        }
        let changes = vec![
            self.put(Row::Purged, wire::encode(&LogIdForm::from(log_id))),
            Change::Purge {
                log: self.0.group.0,
                through: log_id.index,
            },
        ];
        self.write(changes).await.map_err(write_error)
    }
}

/// Entries that can be read, and are to be written.
struct Kept {
    change: Change,
    first: u64,
    /// They are this leader's own, and change no members: they may be counted before they are durable.
    is_early: bool,
}

impl Log {
    /// Makes entries readable. `None` for no entries.
    fn keep(&self, entries: impl IntoIterator<Item = Entry>) -> Option<Kept> {
        let mut records = Vec::new();
        let mut first = None;
        let mut state = self.state();
        let leads = state
            .vote
            .filter(|vote| vote.committed && vote.leader_id.node_id == self.0.node);
        let mut is_early = leads.is_some();
        for entry in entries {
            match &entry.payload {
                EntryPayload::Normal(batch) => batch.ticket.stamp(),
                EntryPayload::Blank => {}
                EntryPayload::Membership(_) => is_early = false,
            }
            is_early &= leads.is_some_and(|vote| vote.leader_id == entry.log_id.leader_id);
            let bytes = wire::encode(&EntryForm::from(&entry));
            first = first.or(Some(entry.log_id.index));
            state.last = Some(entry.log_id);
            state.tail.push(entry, bytes.len());
            records.push(bytes);
        }
        let first = first?;
        let change = Change::Append {
            log: self.0.group.0,
            first,
            records,
        };
        Some(Kept {
            change,
            first,
            is_early,
        })
    }

    fn id_at(&self, index: u64) -> Result<Option<LogId>, StorageError> {
        {
            let state = self.state();
            if state.purged.is_some_and(|purged| purged.index == index) {
                return Ok(state.purged);
            }
        }
        Ok(self
            .read(index..index + 1, usize::MAX)?
            .pop()
            .map(|entry| entry.log_id))
    }
}

fn write_error(error: WriteError) -> StorageError {
    StorageIOError::write_logs(AnyError::new(&error)).into()
}
