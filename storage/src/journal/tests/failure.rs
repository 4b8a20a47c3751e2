use super::*;

#[test]
fn a_failed_sync_ends_the_journal() {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk).unwrap();
    append(&mut journal, &sample(0, 2));
    disk.fail_syncs(1);
    let first = journal.sync().unwrap_err();
    assert!(
        matches!(
            &first,
            WriteError::Failed {
                source: Some(_),
                doing: "sync",
                ..
            }
        ),
        "{first:?}"
    );
    // the disk is well again, the journal is not
    let again = journal.append([b"x".as_slice()]).unwrap_err();
    assert!(
        matches!(&again, WriteError::Failed { doing: "sync", .. }),
        "{again:?}"
    );
    assert!(journal.sync().is_err());
    assert!(journal.checkpoint([b"x".as_slice()]).is_err());
    assert_eq!(records(&disk), sample(0, 2));
}

#[test]
fn a_full_disk_refuses_the_batch_and_leaves_the_journal_as_it_was() {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk).unwrap();
    append(&mut journal, &sample(0, 2));
    disk.set_capacity(Some(usize::try_from(journal.len()).unwrap() + 40));
    let batch = sample(2, 6);
    let refused = journal.append(batch.iter().map(Vec::as_slice)).unwrap_err();
    assert!(matches!(refused, WriteError::Full), "{refused}");
    assert_eq!(records(&disk), sample(0, 2));
    disk.set_capacity(None);
    append(&mut journal, &sample(2, 3));
    assert_eq!(records(&disk), sample(0, 3));
}

#[test]
fn a_full_disk_refuses_a_checkpoint_and_a_new_segment() {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk).unwrap();
    append(&mut journal, &sample(0, 12));
    disk.set_capacity(Some(usize::try_from(journal.len()).unwrap() + 10));
    for _ in 0..2 {
        let refused = journal.checkpoint([[7; 100].as_slice()]).unwrap_err();
        assert!(matches!(refused, WriteError::Full), "{refused}");
        let refused = journal.append([[7; 100].as_slice()]).unwrap_err();
        assert!(matches!(refused, WriteError::Full), "{refused}");
    }
    disk.set_capacity(None);
    append(&mut journal, &sample(12, 13));
    assert_eq!(records(&disk), sample(0, 13));
    journal.checkpoint([b"s".as_slice()]).unwrap();
    assert_eq!(records(&disk), [b"s"]);
}

#[test]
fn a_record_over_its_bound_is_refused_with_its_batch() {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk).unwrap();
    let long = vec![0; crate::journal::MAX_RECORD + 1];
    let refused = journal.append([b"a".as_slice(), &long]).unwrap_err();
    assert!(
        matches!(refused, WriteError::TooLarge { what: "record", .. }),
        "{refused}"
    );
    append(&mut journal, &sample(0, 1));
    assert_eq!(records(&disk), sample(0, 1));
}

#[test]
fn what_the_reader_refuses_is_named_with_its_place() {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk).unwrap();
    append(&mut journal, &[b"good".to_vec(), b"bad".to_vec()]);
    let refused = Journal::open(Box::new(disk), OPTIONS, |record| match record {
        b"bad" => Err("no such record".into()),
        _ => Ok(()),
    })
    .err()
    .unwrap();
    assert!(
        matches!(&refused, OpenError::Refused { offset: 52, .. }),
        "{refused:?}"
    );
}
