//! The journal on a disk that fails as told; [`crash`] has the law of recovery.

mod background;
mod crash;
mod damage;
mod failure;
mod format;

use super::{Journal, OpenError, Options, Recovered, WriteError, frame, segment};
use crate::disk::{Disk, Loss, MemoryDisk};

const OPTIONS: Options = Options { segment_bytes: 256 };

fn open(disk: &MemoryDisk) -> Result<(Journal, Vec<Vec<u8>>, Recovered), OpenError> {
    let mut records = Vec::new();
    let (journal, recovered) = Journal::open(Box::new(disk.clone()), OPTIONS, |record| {
        records.push(record.to_vec());
        Ok(())
    })?;
    assert_eq!(recovered.records, records.len() as u64);
    Ok((journal, records, recovered))
}

fn records(disk: &MemoryDisk) -> Vec<Vec<u8>> {
    open(disk).unwrap().1
}

/// Records `from..to`, each different, of 3 to 42 bytes.
fn sample(from: usize, to: usize) -> Vec<Vec<u8>> {
    (from..to)
        .map(|n| format!("{n:03}{}", "x".repeat(n * 7 % 40)).into_bytes())
        .collect()
}

fn append(journal: &mut Journal, records: &[Vec<u8>]) {
    journal.append(records.iter().map(Vec::as_slice)).unwrap();
}

#[test]
fn an_empty_directory_is_an_empty_journal() {
    let disk = MemoryDisk::new();
    let (journal, records, recovered) = open(&disk).unwrap();
    assert!(journal.is_empty() && records.is_empty());
    assert_eq!(recovered, Recovered::default());
    assert_eq!(disk.list().unwrap(), [segment::name(1)]);
}

#[test]
fn records_come_back_in_order_over_many_segments() {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk).unwrap();
    for n in 0..20 {
        append(&mut journal, &sample(2 * n, 2 * n + 2));
    }
    let len = journal.len();
    drop(journal);
    assert!(disk.list().unwrap().len() > 3);
    let (mut journal, found, _) = open(&disk).unwrap();
    assert_eq!(found, sample(0, 40));
    assert_eq!(journal.len(), len);
    append(&mut journal, &sample(40, 41));
    assert_eq!(records(&disk), sample(0, 41));
}

#[test]
fn a_batch_is_one_write_and_may_be_empty() {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk).unwrap();
    append(&mut journal, &[]);
    append(&mut journal, &[Vec::new(), b"a".to_vec()]);
    disk.fail_appends(1);
    // half of the write is there, a whole first record with it: the batch's records are separate on disk
    let failed = journal.append([b"b".as_slice(), b"c", b"d", b"e"]).unwrap_err();
    assert!(matches!(failed, WriteError::Failed { .. }), "{failed}");
    let found = records(&disk);
    assert_eq!(found[..2], [Vec::new(), b"a".to_vec()]);
    assert!(found.len() < 6);
}

#[test]
fn a_checkpoint_replaces_the_history() {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk).unwrap();
    for n in 0..20 {
        append(&mut journal, &sample(n, n + 1));
    }
    let before = journal.len();
    journal.checkpoint([b"everything".as_slice(), b"so far"]).unwrap();
    assert!(journal.len() < before);
    assert_eq!(disk.list().unwrap().len(), 1);
    append(&mut journal, &sample(20, 21));
    let expected = [vec![b"everything".to_vec(), b"so far".to_vec()], sample(20, 21)].concat();
    assert_eq!(records(&disk), expected);
    // a snapshot is durable when the call returns
    let (mut journal, ..) = open(&disk).unwrap();
    journal.checkpoint([b"again".as_slice()]).unwrap();
    assert_eq!(journal.unsynced(), 0);
    disk.power_loss(Loss::Tail { kept: 0 });
    assert_eq!(records(&disk), [b"again"]);
}

#[test]
fn segments_before_a_snapshot_are_ignored_and_removed() {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk).unwrap();
    append(&mut journal, &sample(0, 5));
    let old = disk.read(&segment::name(1)).unwrap();
    journal.checkpoint([b"snapshot".as_slice()]).unwrap();
    disk.create(&segment::name(1)).unwrap().append(&old).unwrap();
    disk.create(&segment::temporary_name(3)).unwrap();
    assert_eq!(records(&disk), [b"snapshot"]);
    assert_eq!(disk.list().unwrap(), [segment::name(2)]);
}
