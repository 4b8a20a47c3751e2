//! The store on a disk that does as told.

use std::sync::Arc;

use super::*;
use crate::disk::{Disk, FileDisk, Loss, MemoryDisk};

mod crash;
mod damage;
mod failure;
mod format;

fn try_open(disk: &MemoryDisk) -> Result<(Store, Writer), OpenError> {
    Store::open(Arc::new(disk.clone()), Options::default())
}

fn open(disk: &MemoryDisk) -> (Store, Writer) {
    try_open(disk).unwrap()
}

fn append(log: u16, first: u64, records: &[&[u8]]) -> Change {
    Change::Append {
        log,
        first,
        records: records.iter().map(|record| record.to_vec()).collect(),
    }
}

fn put(table: u16, key: &[u8], value: &[u8]) -> Change {
    Change::Put {
        table,
        key: key.to_vec(),
        value: value.to_vec(),
    }
}

#[test]
fn what_is_committed_is_read_by_every_reader() {
    let disk = MemoryDisk::new();
    let (store, mut writer) = open(&disk);
    let changes = [
        append(1, 10, &[b"a", b"bb"]),
        append(2, 1, &[b"c"]),
        put(1, b"k", b"v"),
        put(2, b"k", b"w"),
    ];
    writer.commit(&changes).unwrap();
    let check = |store: &Store| {
        assert_eq!(store.bounds(1).unwrap(), Some((10, 11)));
        assert_eq!(store.bounds(2).unwrap(), Some((1, 1)));
        assert_eq!(store.bounds(3).unwrap(), None);
        let records = [(10, b"a".to_vec()), (11, b"bb".to_vec())];
        assert_eq!(store.read(1, 0, 9, 99).unwrap(), records);
        assert_eq!(store.read(1, 0, 1, 99).unwrap(), records[..1]);
        assert_eq!(store.read(1, 0, 9, 0).unwrap(), records[..1]);
        assert_eq!(store.read(1, 11, 9, 99).unwrap(), records[1..]);
        assert_eq!(store.get(1, b"k").unwrap().unwrap(), b"v");
        assert_eq!(store.get(1, b"x").unwrap(), None);
        assert_eq!(store.scan(2, b"", 9).unwrap(), [(b"k".to_vec(), b"w".to_vec())]);
    };
    check(&store.clone());
    drop((store, writer));
    check(&open(&disk).0);
}

#[test]
fn logs_are_cut_at_both_ends() {
    let disk = MemoryDisk::new();
    let (store, mut writer) = open(&disk);
    writer
        .commit(&[append(1, 1, &[b"a", b"b", b"c", b"d"]), append(2, 2, &[b"x"])])
        .unwrap();
    writer.commit(&[Change::Truncate { log: 1, from: 4 }]).unwrap();
    writer.commit(&[Change::Purge { log: 1, through: 1 }]).unwrap();
    assert_eq!(store.bounds(1).unwrap(), Some((2, 3)));
    assert_eq!(store.bounds(2).unwrap(), Some((2, 2)));
    writer
        .commit(&[Change::Truncate { log: 1, from: 3 }, append(1, 3, &[b"C"])])
        .unwrap();
    assert_eq!(
        store.read(1, 0, 9, 99).unwrap(),
        [(2, b"b".to_vec()), (3, b"C".to_vec())]
    );
}

#[test]
fn an_append_that_leaves_a_hole_changes_nothing() {
    let (store, mut writer) = open(&MemoryDisk::new());
    writer.commit(&[append(1, 1, &[b"a"])]).unwrap();
    let refused = writer.commit(&[put(1, b"k", b"v"), append(1, 3, &[b"c"])]);
    let hole = Refusal::NotNext {
        log: 1,
        next: 2,
        first: 3,
    };
    assert!(
        matches!(&refused, Err(WriteError::Refused(found)) if *found == hole),
        "{refused:?}"
    );
    assert_eq!(store.get(1, b"k").unwrap(), None);
    writer.commit(&[append(1, 2, &[b"b"])]).unwrap();
}

#[test]
fn the_real_disk_keeps_it_too() {
    let root = tempfile::tempdir().unwrap();
    let open = || {
        let disk = FileDisk::open(root.path()).unwrap();
        Store::open(Arc::new(disk), Options::default()).unwrap()
    };
    let (store, mut writer) = open();
    writer
        .commit(&[append(1, 1, &[b"a"]), put(1, b"k", b"v")])
        .unwrap();
    drop((store, writer));
    let (store, _writer) = open();
    assert_eq!(store.read(1, 1, 9, 99).unwrap(), [(1, b"a".to_vec())]);
    assert_eq!(store.get(1, b"k").unwrap().unwrap(), b"v");
}

#[test]
fn what_is_over_its_bound_is_refused_whole() {
    let (store, mut writer) = open(&MemoryDisk::new());
    let long = vec![0; MAX_RECORD + 1];
    let many = vec![vec![0; MAX_RECORD]; 4];
    let (log, first) = (1, 1);
    let refused = [
        (vec![append(1, 1, &[&long])], "record"),
        (vec![put(1, b"k", &long)], "value"),
        (vec![put(1, &[0; MAX_KEY + 1], b"")], "key"),
        (
            vec![Change::Append {
                log,
                first,
                records: many,
            }],
            "commit",
        ),
    ];
    for (changes, name) in refused {
        let found = writer.commit(&changes);
        assert!(
            matches!(found, Err(WriteError::Refused(Refusal::TooLarge { what, .. })) if what == name),
            "{name}"
        );
    }
    assert_eq!(store.bounds(1).unwrap(), None);
}

#[test]
fn scanning_stays_in_its_table_and_goes_on_at_a_key() {
    let (store, mut writer) = open(&MemoryDisk::new());
    let rows = [
        put(1, b"a", b"1"),
        put(1, b"b", b"2"),
        put(1, b"c", b"3"),
        put(2, b"a", b"4"),
    ];
    writer.commit(&rows).unwrap();
    let remove = Change::Remove {
        table: 1,
        key: b"c".to_vec(),
    };
    writer.commit(&[remove]).unwrap();
    let keys = |from: &[u8], max| -> Vec<Vec<u8>> {
        let rows = store.scan(1, from, max).unwrap();
        rows.into_iter().map(|(key, _)| key).collect()
    };
    assert_eq!(keys(b"", 9), [b"a", b"b"]);
    assert_eq!(keys(b"", 1), [b"a"]);
    assert_eq!(keys(b"aa", 9), [b"b"]);
}
