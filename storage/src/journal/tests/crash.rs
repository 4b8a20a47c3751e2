//! Whatever happens to process, power and space: what comes back is a prefix of what was appended, and holds all that was
//! synced.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Op {
    /// Appends so many records at once.
    Append(usize),
    Sync,
    /// The reader's snapshot is simply all its records.
    Checkpoint,
    /// The process ends and starts again.
    Restart,
    PowerLoss(Loss),
}

fn any_op() -> impl Strategy<Value = Op> {
    let loss = prop_oneof![
        (0_usize..200).prop_map(|kept| Loss::Tail { kept }),
        (0_usize..200).prop_map(|kept| Loss::Zeros { kept }),
        any::<u64>().prop_map(|seed| Loss::Scattered { seed }),
    ];
    prop_oneof![
        6 => (0_usize..6).prop_map(Op::Append),
        2 => Just(Op::Sync),
        1 => Just(Op::Checkpoint),
        1 => Just(Op::Restart),
        2 => loss.prop_map(Op::PowerLoss),
    ]
}

proptest! {
    #[test]
    fn recovery_yields_a_prefix_with_everything_synced(ops in proptest::collection::vec(any_op(), 1..40)) {
        let disk = MemoryDisk::new();
        let (mut journal, ..) = open(&disk).unwrap();
        let mut appended: Vec<Vec<u8>> = Vec::new();
        let mut synced = 0;
        let mut next = 0;
        for op in ops {
            match op {
                Op::Append(count) => {
                    let batch = sample(next, next + count);
                    next += count;
                    append(&mut journal, &batch);
                    appended.extend(batch);
                }
                Op::Sync => {
                    journal.sync().unwrap();
                    synced = appended.len();
                }
                Op::Checkpoint => {
                    journal.checkpoint(appended.iter().map(Vec::as_slice)).unwrap();
                    synced = appended.len();
                }
                Op::Restart => {
                    drop(journal);
                    let reopened = open(&disk).unwrap();
                    journal = reopened.0;
                    prop_assert_eq!(&reopened.1, &appended);
                    synced = appended.len();
                }
                Op::PowerLoss(loss) => {
                    drop(journal);
                    disk.power_loss(loss);
                    let (reopened, found, _) = open(&disk).unwrap();
                    journal = reopened;
                    prop_assert!(found.len() >= synced, "{} of {} synced records", found.len(), synced);
                    prop_assert_eq!(&found[..], &appended[..found.len()]);
                    appended = found;
                    synced = appended.len();
                }
            }
        }
    }

    #[test]
    fn a_crash_at_any_byte_of_a_write_yields_a_prefix(kept in 0_usize..300) {
        let disk = MemoryDisk::new();
        let (mut journal, ..) = open(&disk).unwrap();
        append(&mut journal, &sample(0, 3));
        journal.sync().unwrap();
        append(&mut journal, &sample(3, 9));
        disk.power_loss(Loss::Tail { kept });
        let found = records(&disk);
        prop_assert!((3..=9).contains(&found.len()));
        prop_assert_eq!(&found[..], &sample(0, found.len())[..]);
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        has_header in any::<bool>(),
    ) {
        let disk = MemoryDisk::new();
        let mut file = disk.create(&segment::name(1)).unwrap();
        if has_header {
            let header = segment::Header { segment: 1, follows: 0, sealed: 32 };
            file.append(&header.encode()).unwrap();
        }
        file.append(&bytes).unwrap();
        if let Ok((_, found, _)) = open(&disk) {
            prop_assert!(found.is_empty());
        }
    }
}
