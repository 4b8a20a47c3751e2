//! Whatever is done to a log that was written is found, and whatever happens to its process it goes on.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::disk::{Disk, Loss, MemoryDisk};

const SMALL: Options = Options {
    file_bytes: 700,
    files_max: 3,
};

const WIDE: Options = Options {
    file_bytes: 700,
    files_max: 1_000,
};

type Files = Vec<(String, Vec<u8>)>;

fn open(disk: &MemoryDisk, options: Options) -> AuditLog {
    AuditLog::open(Box::new(disk.clone()), options).unwrap().0
}

fn record(n: usize) -> String {
    format!(r#"{{"event":"test","n":{n}}}"#)
}

fn append(log: &mut AuditLog, from: usize, count: usize) {
    for n in from..from + count {
        log.append([record(n).as_str()]).unwrap();
        log.sync().unwrap();
    }
}

/// A log of `count` records beside the headers, in several files.
fn written(count: usize, options: Options) -> (MemoryDisk, Head) {
    let disk = MemoryDisk::new();
    let mut log = open(&disk, options);
    append(&mut log, 0, count);
    (disk, log.head())
}

fn files(disk: &MemoryDisk) -> Files {
    let names = disk.list().unwrap();
    names
        .into_iter()
        .map(|name| (name.clone(), disk.read(&name).unwrap()))
        .collect()
}

/// Follows the files as a whole log; what was recorded, headers left out.
fn verify(files: &Files, expected: Option<Head>) -> Result<(Vec<String>, Option<Report>), Broken> {
    let mut records = Vec::new();
    let mut verification = Verification::new(expected);
    for (name, bytes) in files {
        verification.file(name, bytes, |line| {
            if Header::read(line.record).is_err() {
                records.push(line.record.to_owned());
            }
        })?;
    }
    Ok((records, verification.whole()?))
}

fn flaw(files: &Files, expected: Option<Head>) -> Option<Flaw> {
    verify(files, expected).err().map(|broken| broken.flaw)
}

#[test]
fn what_was_appended_is_read_back_over_restarts_and_files() {
    let disk = MemoryDisk::new();
    for life in 0..5 {
        let mut log = open(&disk, WIDE);
        append(&mut log, life * 3, 3);
    }
    let (records, report) = verify(&files(&disk), None).unwrap();
    assert_eq!(records, (0..15).map(record).collect::<Vec<_>>());
    let report = report.unwrap();
    assert!(report.files > 3, "{report:?}");
    assert_eq!(report.lines(), 15 + report.files);
}

#[test]
fn what_a_restart_found_is_durable() {
    let (disk, head) = written(2, WIDE);
    open(&disk, WIDE).append(["{}"]).unwrap();
    let mut synced = 0;
    let (name, bytes) = files(&disk).pop().unwrap();
    let mut verification = Verification::default();
    verification
        .file(&name, &bytes, |line| synced = line.synced)
        .unwrap();
    assert_eq!(synced, head.seq);
}

#[test]
fn rotation_keeps_the_newest_files_and_the_log_stays_whole() {
    let (disk, head) = written(40, SMALL);
    let files = files(&disk);
    assert_eq!(files.len(), 3);
    let (records, report) = verify(&files, Some(head)).unwrap();
    assert_eq!(records.last(), Some(&record(39)));
    assert!(report.unwrap().first > 1);
}

#[test]
fn a_file_that_could_not_be_removed_leaves_no_gap_and_goes_later() {
    let disk = MemoryDisk::new();
    let mut log = open(&disk, SMALL);
    let oldest = |disk: &MemoryDisk| files(disk)[0].0.clone();
    append(&mut log, 0, 40);
    let kept = oldest(&disk);
    disk.fail_removals(1);
    for n in 40.. {
        append(&mut log, n, 1);
        let files = files(&disk);
        assert_eq!(flaw(&files, Some(log.head())), None, "{n}");
        assert!(files.len() <= 4, "{n}");
        if oldest(&disk) != kept {
            assert_eq!(files.len(), 3);
            break;
        }
    }
}

#[test]
fn a_file_removed_by_somebody_else_is_missed() {
    let (disk, head) = written(40, SMALL);
    for at in 0..3 {
        let mut files = files(&disk);
        files.remove(at);
        let wanted = [Flaw::Missing, Flaw::Unlinked, Flaw::Missing][at];
        assert_eq!(flaw(&files, Some(head)), Some(wanted), "{at}");
    }
}

#[test]
fn an_end_cut_off_is_missed_by_who_kept_the_head() {
    let (disk, head) = written(3, WIDE);
    let mut files = files(&disk);
    let (_, bytes) = files.last_mut().unwrap();
    let cut = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .next_back()
        .unwrap()
        .len();
    bytes.truncate(bytes.len() - cut);
    assert_eq!(flaw(&files, None), None, "the chain alone cannot know");
    assert_eq!(flaw(&files, Some(head)), Some(Flaw::Absent));
}

#[test]
fn a_chain_made_anew_from_the_first_change_on_has_another_head() {
    let (disk, head) = written(9, WIDE);
    let forged = MemoryDisk::new();
    let mut log = open(&forged, WIDE);
    append(&mut log, 0, 4);
    append(&mut log, 14, 1);
    append(&mut log, 5, 4);
    assert_eq!(log.head().seq, head.seq);
    assert_eq!(flaw(&files(&forged), None), None);
    assert_eq!(flaw(&files(&forged), Some(head)), Some(Flaw::Unexpected));
    assert_eq!(flaw(&files(&disk), Some(head)), None);
}

#[test]
fn a_full_disk_takes_nothing_and_the_log_goes_on_when_there_is_room() {
    let disk = MemoryDisk::new();
    let mut log = open(&disk, WIDE);
    append(&mut log, 0, 2);
    for file_is_full in [false, true] {
        if file_is_full {
            append(&mut log, 2, 1);
        }
        disk.set_capacity(Some(files(&disk).iter().map(|(_, bytes)| bytes.len() + 9).sum()));
        assert!(matches!(log.append(["{}"]), Err(WriteError::Refused { .. })));
        disk.set_capacity(None);
    }
    append(&mut log, 3, 1);
    let (records, _) = verify(&files(&disk), Some(log.head())).unwrap();
    assert_eq!(records, (0..4).map(record).collect::<Vec<_>>());
}

#[test]
fn a_failed_sync_ends_the_log() {
    let (disk, _) = written(1, WIDE);
    let mut log = open(&disk, WIDE);
    log.append(["{}"]).unwrap();
    disk.fail_syncs(1);
    assert!(matches!(log.sync(), Err(WriteError::Ended)));
    assert!(matches!(log.append(["{}"]), Err(WriteError::Ended)));
}

#[test]
fn damage_to_what_was_durable_keeps_the_log_closed() {
    let (disk, _) = written(2, WIDE);
    let [(name, bytes)] = &files(&disk)[..] else {
        panic!("one file")
    };
    disk.corrupt(name, bytes.len() / 2);
    let refused = AuditLog::open(Box::new(disk.clone()), WIDE);
    assert!(matches!(refused.err(), Some(OpenError::Damaged(broken)) if broken.line == 2));
    assert_eq!(files(&disk)[0].1.len(), bytes.len(), "nothing was cut");
}

/// What somebody may do to a file.
#[derive(Debug, Clone)]
enum Change {
    Byte { at: Index, to: u8 },
    Insert { at: Index, byte: u8 },
    Delete { at: Index },
    DropLine { at: Index },
    RepeatLine { at: Index },
    SwapLines { a: Index, b: Index },
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    prop_oneof![
        (index(), any::<u8>()).prop_map(|(at, to)| Change::Byte { at, to }),
        (index(), any::<u8>()).prop_map(|(at, byte)| Change::Insert { at, byte }),
        index().prop_map(|at| Change::Delete { at }),
        index().prop_map(|at| Change::DropLine { at }),
        index().prop_map(|at| Change::RepeatLine { at }),
        (index(), index()).prop_map(|(a, b)| Change::SwapLines { a, b }),
    ]
}

fn altered(bytes: &[u8], change: &Change) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let count = lines.len();
    match change {
        Change::Byte { at, to } => out[at.index(bytes.len())] = *to,
        Change::Insert { at, byte } => out.insert(at.index(bytes.len()), *byte),
        Change::Delete { at } => {
            out.remove(at.index(bytes.len()));
        }
        Change::DropLine { at } => {
            lines.remove(at.index(count));
            out = lines.concat();
        }
        Change::RepeatLine { at } => {
            let at = at.index(count);
            lines.insert(at, lines[at]);
            out = lines.concat();
        }
        Change::SwapLines { a, b } => {
            lines.swap(a.index(count), b.index(count));
            out = lines.concat();
        }
    }
    out
}

fn loss() -> impl Strategy<Value = Loss> {
    prop_oneof![
        (0_usize..1_000).prop_map(|kept| Loss::Tail { kept }),
        (0_usize..1_000).prop_map(|kept| Loss::Zeros { kept }),
        any::<u64>().prop_map(|seed| Loss::Scattered { seed }),
    ]
}

proptest! {
    #[test]
    fn whatever_is_changed_removed_added_or_moved_is_found(file in any::<Index>(), change in change()) {
        let (disk, head) = written(20, WIDE);
        let mut files = files(&disk);
        let (_, bytes) = file.get(&files);
        let changed = altered(bytes, &change);
        prop_assume!(changed != *bytes);
        let at = file.index(files.len());
        files[at].1 = changed;
        prop_assert!(verify(&files, Some(head)).is_err());
    }

    #[test]
    fn after_any_power_failure_the_chain_goes_on_from_what_was_durable(
        steps in vec((1_usize..4, any::<bool>()), 1..12),
        loss in loss(),
    ) {
        let disk = MemoryDisk::new();
        let mut log = open(&disk, WIDE);
        let (mut count, mut durable) = (0, 0);
        for (batch, is_synced) in steps {
            let records: Vec<String> = (count..count + batch).map(record).collect();
            log.append(records.iter().map(String::as_str)).unwrap();
            count += batch;
            if is_synced {
                log.sync().unwrap();
                durable = count;
            }
        }
        drop(log);
        disk.power_loss(loss);
        let mut log = open(&disk, WIDE);
        log.append([r#"{"event":"restart"}"#]).unwrap();
        let (mut records, _) = verify(&files(&disk), Some(log.head())).unwrap();
        let last = records.pop();
        prop_assert_eq!(last.as_deref(), Some(r#"{"event":"restart"}"#));
        prop_assert!((durable..=count).contains(&records.len()), "{} of {count}, {durable} durable", records.len());
        let wanted: Vec<String> = (0..records.len()).map(record).collect();
        prop_assert_eq!(records, wanted);
    }

    #[test]
    fn arbitrary_bytes_are_a_torn_file_and_no_panic(bytes in vec(any::<u8>(), 0..300)) {
        let disk = MemoryDisk::new();
        disk.create(&name(1)).unwrap().append(&bytes).unwrap();
        let mut log = open(&disk, WIDE);
        append(&mut log, 0, 1);
        prop_assert_eq!(verify(&files(&disk), None).unwrap().0, [record(0)]);
    }
}
