//! A full disk, and one that fails.

use super::*;

fn large(first: u64) -> Change {
    append(1, first, &[&[7; 100_000]])
}

/// Appends until the disk is full; returns the index that found no space.
fn fill(disk: &MemoryDisk, writer: &mut Writer) -> u64 {
    disk.set_capacity(Some(3 << 20));
    for index in 1.. {
        match writer.commit(&[large(index)]) {
            Ok(()) => {}
            Err(WriteError::Full) => return index,
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("the disk is full some day");
}

#[test]
fn a_full_disk_refuses_commits_keeps_reads_and_goes_on_when_there_is_space() {
    let disk = MemoryDisk::new();
    let (store, mut writer) = open(&disk);
    let next = fill(&disk, &mut writer);
    let reader = store.clone();
    for _ in 0..3 {
        assert!(matches!(writer.commit(&[large(next)]), Err(WriteError::Full)));
        assert_eq!(reader.bounds(1).unwrap(), Some((1, next - 1)));
        assert_eq!(
            reader.read(1, 0, usize::MAX, usize::MAX).unwrap().len() as u64,
            next - 1
        );
    }
    // what needs no more room than there is goes on
    writer.commit(&[put(1, b"k", b"v")]).unwrap();
    disk.set_capacity(None);
    writer.commit(&[large(next)]).unwrap();
    disk.power_loss(Loss::Tail { kept: 0 });
    drop((store, reader, writer));
    let (store, _writer) = open(&disk);
    assert_eq!(store.bounds(1).unwrap(), Some((1, next)));
    assert_eq!(store.get(1, b"k").unwrap().unwrap(), b"v");
}

#[test]
fn a_purge_makes_room_on_a_full_disk() {
    let disk = MemoryDisk::new();
    let (_store, mut writer) = open(&disk);
    let next = fill(&disk, &mut writer);
    let through = next - 1;
    writer.commit(&[Change::Purge { log: 1, through }]).unwrap();
    writer.commit(&[large(next)]).unwrap();
}

#[test]
fn a_failed_sync_ends_the_writer() {
    let disk = MemoryDisk::new();
    let (_store, mut writer) = open(&disk);
    writer.commit(&[put(1, b"k", b"v")]).unwrap();
    disk.fail_syncs(1);
    for _ in 0..2 {
        let ended = writer.commit(&[put(1, b"k", b"w")]);
        assert!(matches!(ended, Err(WriteError::Ended { .. })), "{ended:?}");
    }
}

#[test]
fn a_failed_write_ends_the_writer() {
    let disk = MemoryDisk::new();
    let (store, mut writer) = open(&disk);
    writer.commit(&[put(1, b"k", b"v")]).unwrap();
    disk.fail_writes(1);
    for _ in 0..2 {
        let ended = writer.commit(&[put(1, b"k", b"w")]);
        assert!(matches!(ended, Err(WriteError::Ended { .. })), "{ended:?}");
    }
    drop((store, writer));
    assert_eq!(open(&disk).0.get(1, b"k").unwrap().unwrap(), b"v");
}

#[test]
fn what_is_there_tells_whether_a_commit_was_carried_out() {
    let (store, mut writer) = open(&MemoryDisk::new());
    writer
        .commit(&[append(1, 1, &[b"a", b"b"]), put(1, b"k", b"v")])
        .unwrap();
    let commits = [
        vec![append(1, 3, &[b"c"])],
        vec![Change::Truncate { log: 1, from: 3 }, append(1, 3, &[b"d"])],
        vec![
            append(1, 4, &[b"x"]),
            Change::Truncate { log: 1, from: 4 },
            put(1, b"k", b"w"),
        ],
        vec![Change::Remove {
            table: 1,
            key: b"k".to_vec(),
        }],
        vec![Change::Purge { log: 1, through: 9 }],
    ];
    for changes in commits {
        let ends = store.ends().unwrap().after(&changes).unwrap();
        let is_there = || outcome::is_carried_out(&store, &changes, &ends).unwrap();
        assert!(!is_there(), "{changes:?}");
        writer.commit(&changes).unwrap();
        assert!(is_there(), "{changes:?}");
    }
}
