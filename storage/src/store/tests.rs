//! The store on a disk that does as told.

use std::sync::Arc;

use super::*;
use crate::disk::MemoryDisk;

fn open(disk: &MemoryDisk) -> (Store, Writer) {
    Store::open(Arc::new(disk.clone()), Options::default()).unwrap()
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
