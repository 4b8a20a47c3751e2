//! Syncs whose waiting is done on another thread.

use super::super::{Journal, Options, WriteError};
use crate::disk::{Loss, MemoryDisk};

#[test]
fn a_sync_on_another_thread_covers_what_was_appended_before_it_began() {
    let disk = MemoryDisk::new();
    let (mut journal, _) = Journal::open(Box::new(disk.clone()), Options::default(), |_| Ok(())).unwrap();
    journal.append([b"before".as_slice()]).unwrap();
    let job = journal.begin_sync().unwrap().expect("something to sync");
    journal.append([b"meanwhile".as_slice()]).unwrap();
    // The job runs before the power fails; what was appended meanwhile may be lost, what came before may not.
    journal.end_sync(job.run()).unwrap();
    assert!(
        journal.unsynced() > 0,
        "what was appended meanwhile is not covered"
    );
    let job = journal.begin_sync().unwrap().expect("something to sync");
    journal.end_sync(job.run()).unwrap();
    assert_eq!(journal.unsynced(), 0);
    assert!(journal.begin_sync().unwrap().is_none());
    drop(journal);
    disk.power_loss(Loss::Tail { kept: 0 });
    let mut read = Vec::new();
    let keep = |bytes: &[u8]| {
        read.push(bytes.to_vec());
        Ok(())
    };
    Journal::open(Box::new(disk), Options::default(), keep).unwrap();
    assert_eq!(read, [b"before".to_vec(), b"meanwhile".to_vec()]);
}

#[test]
fn a_failed_sync_on_another_thread_ends_the_journal() {
    let disk = MemoryDisk::new();
    let (mut journal, _) = Journal::open(Box::new(disk.clone()), Options::default(), |_| Ok(())).unwrap();
    journal.append([b"one".as_slice()]).unwrap();
    let job = journal.begin_sync().unwrap().expect("something to sync");
    disk.fail_syncs(1);
    assert!(matches!(
        journal.end_sync(job.run()),
        Err(WriteError::Failed { .. })
    ));
    assert!(journal.append([b"two".as_slice()]).is_err());
}
