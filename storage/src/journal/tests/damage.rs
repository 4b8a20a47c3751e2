use super::*;

/// Two segments and a bit, synced, closed.
fn written() -> MemoryDisk {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk).unwrap();
    for n in 0..12 {
        append(&mut journal, &sample(n, n + 1));
        journal.sync().unwrap();
    }
    assert_eq!(disk.list().unwrap().len(), 3);
    disk
}

#[test]
fn damage_before_the_last_segment_is_corruption_wherever_it_is() {
    let len = written().read(&segment::name(2)).unwrap().len();
    for offset in 0..len {
        let disk = written();
        disk.corrupt(&segment::name(2), offset);
        if offset >= len - frame::HEADER {
            // the last mark was never durable, and holds nothing
            assert_eq!(records(&disk), sample(0, 12));
            continue;
        }
        let refused = open(&disk).err().unwrap();
        match refused {
            OpenError::Corrupt { file, offset: at, .. } => {
                assert_eq!(file, segment::name(2));
                assert!(at <= offset as u64);
            }
            OpenError::Format { .. } => assert!((8..12).contains(&offset)),
            OpenError::Missing { .. } | OpenError::Refused { .. } | OpenError::Disk { .. } => {
                panic!("{refused}")
            }
        }
    }
}

#[test]
fn damage_in_the_last_segment_is_corruption_if_it_was_synced() {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk).unwrap();
    append(&mut journal, &sample(0, 2));
    let damaged = usize::try_from(journal.len()).unwrap() - 1;
    append(&mut journal, &sample(2, 3));
    journal.sync().unwrap();
    disk.corrupt(&segment::name(1), damaged);
    let refused = open(&disk).err().unwrap();
    assert!(matches!(&refused, OpenError::Corrupt { .. }), "{refused}");
    assert!(
        refused
            .to_string()
            .contains("00000000000000000001.journal is corrupt at byte 51"),
        "{refused}"
    );
}

#[test]
fn damage_in_a_snapshot_is_corruption() {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk).unwrap();
    journal.checkpoint([b"one".as_slice(), b"two"]).unwrap();
    let len = usize::try_from(journal.len()).unwrap();
    disk.corrupt(&segment::name(2), len - 1);
    assert!(matches!(open(&disk).err().unwrap(), OpenError::Corrupt { .. }));
    disk.open(&segment::name(2))
        .unwrap()
        .truncate(len as u64 - 19)
        .unwrap();
    assert!(matches!(open(&disk).err().unwrap(), OpenError::Corrupt { .. }));
}

#[test]
fn a_segment_cut_between_two_records_is_missed() {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk).unwrap();
    append(&mut journal, &sample(0, 1));
    let cut = journal.len();
    append(&mut journal, &sample(1, 12));
    append(&mut journal, &sample(12, 13));
    disk.open(&segment::name(1)).unwrap().truncate(cut).unwrap();
    let refused = open(&disk).err().unwrap();
    assert!(
        matches!(&refused, OpenError::Corrupt { offset, .. } if *offset == cut),
        "{refused}"
    );
}

#[test]
fn a_missing_segment_is_named() {
    for missing in [1, 2] {
        let disk = written();
        disk.remove(&segment::name(missing)).unwrap();
        let refused = open(&disk).err().unwrap();
        assert!(
            matches!(&refused, OpenError::Missing { file } if *file == segment::name(missing)),
            "{refused}"
        );
    }
}

#[test]
fn a_torn_tail_is_cut_and_counted() {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk).unwrap();
    append(&mut journal, &sample(0, 2));
    let len = journal.len();
    append(&mut journal, &sample(2, 3));
    disk.open(&segment::name(1)).unwrap().truncate(len + 7).unwrap();
    let (_, found, recovered) = open(&disk).unwrap();
    assert_eq!((found, recovered.cut_bytes), (sample(0, 2), 7));
    let (_, found, recovered) = open(&disk).unwrap();
    assert_eq!((found, recovered.cut_bytes), (sample(0, 2), 0));
}
