//! The log's thread over a disk that does as told.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use atp_storage::disk::MemoryDisk;
use atp_storage::store::{Options, Store};

use super::*;

/// Longer than any of this takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn open(disk: &MemoryDisk) -> (Store, Writer) {
    Store::open(Arc::new(disk.clone()), Options::default()).unwrap()
}

fn append(first: u64) -> Vec<Change> {
    vec![Change::Append {
        log: 1,
        first,
        records: vec![vec![7; 100]],
    }]
}

type Told = Receiver<(u64, Result<(), WriteError>)>;

/// Submits appends at these indices; what came of them arrives in the order in which it was told.
fn submit(log: &dyn LogIo, indices: impl IntoIterator<Item = u64>) -> Told {
    let (tell, told) = channel();
    for index in indices {
        let tell = tell.clone();
        let done: Done = Box::new(move |result| tell.send((index, result)).unwrap());
        log.submit(append(index), done);
    }
    told
}

fn next(told: &Told) -> (u64, Result<(), WriteError>) {
    told.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn everybody_is_told_in_order_once_it_is_durable() {
    let disk = MemoryDisk::new();
    let (store, writer) = open(&disk);
    let thread = LogThread::start(writer).unwrap();
    let told = submit(&*thread.log_io(), 1..=100);
    for index in 1..=100 {
        assert!(matches!(next(&told), (found, Ok(())) if found == index));
    }
    assert_eq!(store.bounds(1).unwrap(), Some((1, 100)));
    thread.stop(PATIENCE);
}

#[test]
fn what_waits_is_committed_together() {
    let disk = MemoryDisk::new();
    let (_, mut writer) = open(&disk);
    let queue = Queue::default();
    let told = submit(&queue, 1..=3);
    let batch = queue.next_batch(BATCH_BYTES).unwrap();
    assert_eq!(batch.len(), 3);
    commit(&mut writer, batch).unwrap();
    assert_eq!(told.try_iter().count(), 3);
}

#[test]
fn a_batch_has_a_bound_but_holds_at_least_one() {
    let queue = Queue::default();
    let _told = submit(&queue, 1..=3);
    let size = append(1)[0].size();
    assert_eq!(queue.next_batch(2 * size).unwrap().len(), 2);
    assert_eq!(queue.next_batch(0).unwrap().len(), 1);
}

#[test]
fn one_that_cannot_be_carried_out_does_not_spoil_the_others() {
    let disk = MemoryDisk::new();
    let (store, mut writer) = open(&disk);
    let queue = Queue::default();
    let told = submit(&queue, [1, 2, 9, 3]);
    commit(&mut writer, queue.next_batch(BATCH_BYTES).unwrap()).unwrap();
    let told: Vec<_> = told
        .try_iter()
        .map(|(index, result)| (index, result.is_ok()))
        .collect();
    assert_eq!(told, [(1, true), (2, true), (9, false), (3, true)]);
    assert_eq!(store.bounds(1).unwrap(), Some((1, 3)));
}

#[test]
fn a_full_queue_refuses_and_forgets_nothing() {
    let queue = Queue::default();
    let (tell, told) = channel();
    let large = || {
        vec![Change::Put {
            table: 1,
            key: Vec::new(),
            value: vec![0; QUEUE_BYTES / 2],
        }]
    };
    for _ in 0..2 {
        let tell = tell.clone();
        queue.submit(large(), Box::new(move |result| tell.send(result).unwrap()));
    }
    assert!(matches!(told.try_recv(), Ok(Err(WriteError::Full))));
    assert_eq!(queue.next_batch(BATCH_BYTES).unwrap().len(), 1);
}

#[test]
fn a_failed_sync_ends_the_log_and_says_so() {
    let disk = MemoryDisk::new();
    let (_, writer) = open(&disk);
    let thread = LogThread::start(writer).unwrap();
    disk.fail_syncs(1);
    let told = submit(&*thread.log_io(), [1]);
    assert!(matches!(next(&told), (1, Err(WriteError::Ended { .. }))));
    let told = submit(&*thread.log_io(), [1]);
    assert!(matches!(next(&told), (1, Err(WriteError::Ended { .. }))));
    let mut ended = thread.ended();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        assert!(ended.wait_for(Option::is_some).await.is_ok());
    });
    thread.stop(PATIENCE);
}

#[test]
fn what_waits_is_written_before_the_log_stops() {
    let disk = MemoryDisk::new();
    let (store, writer) = open(&disk);
    let thread = LogThread::start(writer).unwrap();
    let log = thread.log_io();
    let told = submit(&*log, 1..=50);
    thread.stop(PATIENCE);
    assert_eq!(told.try_iter().filter(|(_, result)| result.is_ok()).count(), 50);
    assert_eq!(store.bounds(1).unwrap(), Some((1, 50)));
    let told = submit(&*log, [51]);
    assert!(matches!(next(&told), (51, Err(WriteError::Ended { .. }))));
}

#[test]
fn the_inline_log_is_done_when_it_returns() {
    let (store, writer) = open(&MemoryDisk::new());
    let log = InlineLog::new(writer);
    let told = submit(&log, [1, 3, 2]);
    let told: Vec<_> = told
        .try_iter()
        .map(|(index, result)| (index, result.is_ok()))
        .collect();
    assert_eq!(told, [(1, true), (3, false), (2, true)]);
    assert_eq!(store.bounds(1).unwrap(), Some((1, 2)));
}
