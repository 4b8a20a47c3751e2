use std::sync::Mutex;

use atp_storage::disk::{Loss, MemoryDisk};
use atp_storage::store::{Options, WriteError, Writer};
use openraft::storage::{RaftLogStorage, RaftLogStorageExt};
use openraft::{EntryPayload, RaftLogReader};
use serde_bytes::ByteBuf;

use super::*;
use crate::log_io::Done;
use crate::types::Batch;

/// Commits as it is told; with a number of answers that the disk is full before.
struct Inline {
    writer: Mutex<Writer>,
    full: Mutex<u32>,
}

impl LogIo for Inline {
    fn submit(&self, changes: Vec<Change>, done: Done) {
        let full = {
            let mut full = self.full.lock().unwrap();
            let is = *full > 0;
            *full = full.saturating_sub(1);
            is
        };
        done(match full {
            true => Err(WriteError::Full),
            false => self.writer.lock().unwrap().commit(&changes),
        });
    }
}

fn open_full(disk: &MemoryDisk, full: u32) -> Log {
    let (store, writer) = Store::open(Arc::new(disk.clone()), Options::default()).unwrap();
    let io = Inline {
        writer: Mutex::new(writer),
        full: Mutex::new(full),
    };
    Log::open(GroupId(3), NodeId::new(1).unwrap(), store, Arc::new(io)).unwrap()
}

fn open(disk: &MemoryDisk) -> Log {
    open_full(disk, 0)
}

fn id(term: u64, index: u64) -> LogId {
    LogId::new(openraft::CommittedLeaderId::new(term, 1), index)
}

fn entry(term: u64, index: u64) -> Entry {
    Entry {
        log_id: id(term, index),
        payload: EntryPayload::Normal(Batch {
            commands: Arc::new([ByteBuf::from(vec![7; 10])]),
            ..Batch::default()
        }),
    }
}

async fn append(log: &mut Log, term: u64, indexes: Range<u64>) {
    let entries: Vec<Entry> = indexes.map(|index| entry(term, index)).collect();
    log.blocking_append(entries).await.unwrap();
}

async fn ids(log: &mut Log, range: Range<u64>) -> Vec<(u64, u64)> {
    let entries = log.try_get_log_entries(range).await.unwrap();
    entries
        .iter()
        .map(|entry| (entry.log_id.leader_id.term, entry.log_id.index))
        .collect()
}

#[tokio::test]
async fn what_was_answered_outlives_a_power_failure() {
    let disk = MemoryDisk::default();
    let mut log = open(&disk);
    let vote = Vote::new(4, 2);
    log.save_vote(&vote).await.unwrap();
    append(&mut log, 1, 1..6).await;
    disk.power_loss(Loss::Tail { kept: 0 });
    let mut log = open(&disk);
    assert_eq!(log.read_vote().await.unwrap(), Some(vote));
    assert_eq!(log.get_log_state().await.unwrap().last_log_id, Some(id(1, 5)));
    assert_eq!(ids(&mut log, 2..9).await, [(1, 2), (1, 3), (1, 4), (1, 5)]);
}

#[tokio::test]
async fn a_log_that_is_cut_goes_on_with_other_entries() {
    let disk = MemoryDisk::default();
    let mut log = open(&disk);
    append(&mut log, 1, 1..6).await;
    log.truncate(id(1, 3)).await.unwrap();
    assert_eq!(log.last(), Some(id(1, 2)));
    append(&mut log, 2, 3..5).await;
    for mut log in [log, open(&disk)] {
        assert_eq!(ids(&mut log, 0..9).await, [(1, 1), (1, 2), (2, 3), (2, 4)]);
    }
}

#[tokio::test]
async fn a_log_that_is_purged_remembers_up_to_where() {
    let disk = MemoryDisk::default();
    let mut log = open(&disk);
    append(&mut log, 1, 1..6).await;
    log.purge(id(1, 3)).await.unwrap();
    for mut log in [log, open(&disk)] {
        let state = log.get_log_state().await.unwrap();
        assert_eq!(state.last_purged_log_id, Some(id(1, 3)));
        assert_eq!(state.last_log_id, Some(id(1, 5)));
        assert_eq!(ids(&mut log, 0..9).await, [(1, 4), (1, 5)]);
    }
}

#[tokio::test]
async fn a_log_behind_a_snapshot_begins_where_the_snapshot_ends() {
    let disk = MemoryDisk::default();
    let mut log = open(&disk);
    append(&mut log, 1, 1..3).await;
    log.purge(id(2, 10)).await.unwrap();
    assert_eq!(log.last(), Some(id(2, 10)));
    append(&mut log, 2, 11..12).await;
    for mut log in [log, open(&disk)] {
        assert_eq!(ids(&mut log, 0..20).await, [(2, 11)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_waited_out() {
    let mut log = open_full(&MemoryDisk::default(), 3);
    append(&mut log, 1, 1..4).await;
    assert_eq!(ids(&mut log, 0..9).await, [(1, 1), (1, 2), (1, 3)]);
}

#[tokio::test]
async fn a_request_to_a_follower_is_bounded_but_never_empty() {
    let disk = MemoryDisk::default();
    let mut log = open(&disk);
    let large = |index| Entry {
        payload: EntryPayload::Normal(Batch {
            commands: Arc::new([ByteBuf::from(vec![7; READ_BYTES])]),
            ..Batch::default()
        }),
        ..entry(1, index)
    };
    log.blocking_append((1..5).map(large).collect::<Vec<_>>())
        .await
        .unwrap();
    for mut log in [log, open(&disk)] {
        assert_eq!(log.limited_get_log_entries(1, 5).await.unwrap().len(), 1);
        assert_eq!(ids(&mut log, 1..5).await.len(), 4);
    }
}

/// Never finishes a write.
struct Stuck;

impl LogIo for Stuck {
    fn submit(&self, _: Vec<Change>, done: Done) {
        // Whoever waits goes on waiting.
        std::mem::forget(done);
    }
}

/// Raft, figure 8: an entry of an earlier term is committed by one of the leader's own, not by being on disks.
#[tokio::test]
async fn a_commit_that_is_not_durable_is_told_only_as_far_as_the_own_term_is() {
    let disk = MemoryDisk::default();
    append(&mut open(&disk), 1, 1..6).await;
    let (store, _writer) = Store::open(Arc::new(disk), Options::default()).unwrap();
    let log = Log::open(GroupId(3), NodeId::new(1).unwrap(), store, Arc::new(Stuck)).unwrap();
    assert_eq!(log.committed_durably(id(1, 5)), Some(id(1, 5)));
    let change = |first| Change::Append {
        log: 3,
        first,
        records: vec![Vec::new()],
    };
    log.write_early(change(6), 6, Some(id(1, 5)));
    assert_eq!(log.committed_durably(id(2, 6)), None);
    assert_eq!(log.committed_durably(id(1, 5)), Some(id(1, 5)));
    log.write_early(change(7), 7, Some(id(2, 6)));
    assert_eq!(log.committed_durably(id(2, 7)), Some(id(2, 6)));
}
