//! The log of one group as openraft sees it, over the node's [`Store`] and its [`LogIo`] (docs/adr/0008).
//!
//! ```text
//! records of log <group>     entries, as `wire` writes them
//! row <group> 0              the vote
//! row <group> 1              the id of the last entry purged
//! ```
//!
//! The vote is durable before it is answered, an entry before it is acknowledged to anybody else: a leader counts its own entries
//! before they are, and keeps to itself what follows from it (docs/adr/0014). A full disk is waited out: the group stands
//! still meanwhile, and what was applied can be read. Any other failure to write ends the group, as what is on the disk is no
//! longer known.
#![expect(
    clippy::result_large_err,
    reason = "the error of openraft's traits, on paths that fail once"
)]

mod adapter;
mod flush;
mod tail;

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use atp_protocol::cluster::{GroupId, NodeId};
use atp_storage::store::{Change, Store};
use openraft::AnyError;

use crate::log_io::LogIo;
use crate::types::{Entry, LogId, StorageError, StorageIOError, Vote, raft_id};
use crate::wire::{self, EntryForm, LogIdForm, VoteForm};

use flush::Flush;
pub(crate) use flush::Withheld;
use tail::Tail;

/// The table of votes and purge points.
const TABLE: u16 = 1;
/// Encoded bytes that are read for one request to a follower; with the entry that passes it they fit into a frame of the link.
const READ_BYTES: usize = 1024 * 1024;
/// How long a full disk is left alone before it is asked again.
const FULL_RETRY: Duration = Duration::from_millis(100);

/// A group's log. Clones share it.
#[derive(Clone)]
pub(crate) struct Log(Arc<Inner>);

struct Inner {
    group: GroupId,
    /// This node.
    node: u64,
    store: Store,
    io: Arc<dyn LogIo>,
    state: Mutex<State>,
    flush: Flush,
}

#[derive(Default)]
struct State {
    tail: Tail,
    last: Option<LogId>,
    purged: Option<LogId>,
    /// As it was saved last by this process.
    vote: Option<Vote>,
}

/// Which row of a group.
#[derive(Clone, Copy)]
enum Row {
    Vote = 0,
    Purged = 1,
}

impl Log {
    /// The log as it was left.
    ///
    /// # Errors
    /// When it cannot be read, or was written by a later release.
    pub(crate) fn open(
        group: GroupId,
        node: NodeId,
        store: Store,
        io: Arc<dyn LogIo>,
    ) -> Result<Self, StorageError> {
        let log = Self(Arc::new(Inner {
            group,
            node: raft_id(node),
            store,
            io,
            state: Mutex::default(),
            flush: Flush::default(),
        }));
        let purged = log.row::<LogIdForm>(Row::Purged)?.map(LogId::from);
        let bounds = log.0.store.bounds(group.0).map_err(read_error)?;
        let last = match bounds {
            Some((_, last)) => log
                .read_store(last..last + 1, usize::MAX)?
                .pop()
                .map(|entry| entry.log_id),
            None => purged,
        };
        *log.state() = State {
            tail: Tail::default(),
            last,
            purged,
            vote: None,
        };
        Ok(log)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .state
            .lock()
            .expect("nothing panics while it holds the log's state")
    }

    /// The last entry, durable or not.
    pub(crate) fn last(&self) -> Option<LogId> {
        self.state().last
    }

    /// Index of the last entry purged; 0 for none.
    pub(crate) fn purged(&self) -> u64 {
        self.state().purged.map_or(0, |id| id.index)
    }

    /// Entries of a range, as far as they exist and their size allows.
    fn read(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Entry>, StorageError> {
        let range = {
            let state = self.state();
            let first = state.purged.map_or(0, |id| id.index + 1);
            let end = state.last.map_or(0, |id| id.index + 1);
            let range = range.start.max(first)..range.end.min(end);
            if range.is_empty() {
                return Ok(Vec::new());
            }
            match state.tail.first() {
                Some(first) if first <= range.start => return Ok(state.tail.read(range, max_bytes)),
                // What is not in the tail is durable.
                first => range.start..range.end.min(first.unwrap_or(range.end)),
            }
        };
        self.read_store(range, max_bytes)
    }

    fn read_store(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Entry>, StorageError> {
        let count = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let records = self
            .0
            .store
            .read(self.0.group.0, range.start, count, max_bytes)
            .map_err(read_error)?;
        records
            .into_iter()
            .map(|(index, bytes)| {
                let entry: Entry = wire::decode::<EntryForm>(&bytes)
                    .map_err(|error| StorageIOError::read_log_at_index(index, AnyError::new(&error)))?
                    .into();
                if entry.log_id.index == index {
                    Ok(entry)
                } else {
                    let error = AnyError::error(format!("it says it is entry {}", entry.log_id.index));
                    Err(StorageIOError::read_log_at_index(index, error).into())
                }
            })
            .collect()
    }

    fn row<T: serde::de::DeserializeOwned>(&self, row: Row) -> Result<Option<T>, StorageError> {
        let bytes = self
            .0
            .store
            .get(TABLE, &key(self.0.group, row))
            .map_err(read_error)?;
        bytes
            .map(|bytes| wire::decode(&bytes).map_err(read_error))
            .transpose()
    }

    fn vote(&self) -> Result<Option<Vote>, StorageError> {
        Ok(self.row::<VoteForm>(Row::Vote)?.map(Into::into))
    }

    fn put(&self, row: Row, value: Vec<u8>) -> Change {
        Change::Put {
            table: TABLE,
            key: key(self.0.group, row),
            value,
        }
    }
}

/// What makes `vote` the vote of a group that has no log yet.
pub(crate) fn vote_row(group: GroupId, vote: Vote) -> Change {
    Change::Put {
        table: TABLE,
        key: key(group, Row::Vote),
        value: wire::encode(&VoteForm::from(vote)),
    }
}

fn key(group: GroupId, row: Row) -> Vec<u8> {
    let [high, low] = group.0.to_be_bytes();
    vec![high, low, row as u8]
}

fn read_error(error: impl std::error::Error + 'static) -> StorageError {
    StorageIOError::read_logs(AnyError::new(&error)).into()
}

#[cfg(test)]
mod tests;
