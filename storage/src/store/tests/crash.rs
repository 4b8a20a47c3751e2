//! The power fails at any commit: what was acknowledged is there, and at most the commit that was not.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const LOGS: u16 = 3;

/// What a store holds, as a model of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    logs: BTreeMap<u16, BTreeMap<u64, Vec<u8>>>,
    rows: BTreeMap<u8, Vec<u8>>,
}

/// A step without its place, which depends on what there is.
#[derive(Debug, Clone)]
enum Step {
    Append { log: u16, count: u64, len: usize },
    Truncate { log: u16, count: u64 },
    Purge { log: u16, count: u64 },
    Put { key: u8, len: usize },
    Remove { key: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let log = 0..LOGS;
    prop_oneof![
        4 => (log.clone(), 1..6u64, 0..700usize).prop_map(|(log, count, len)| Step::Append { log, count, len }),
        1 => (log.clone(), 0..6u64).prop_map(|(log, count)| Step::Truncate { log, count }),
        1 => (log, 0..6u64).prop_map(|(log, count)| Step::Purge { log, count }),
        2 => (0..4u8, 0..300usize).prop_map(|(key, len)| Step::Put { key, len }),
        1 => (0..4u8).prop_map(|key| Step::Remove { key }),
    ]
}

fn loss() -> impl Strategy<Value = Loss> {
    prop_oneof![
        1 => (0..40_000usize).prop_map(|kept| Loss::Tail { kept }),
        3 => any::<u64>().prop_map(|seed| Loss::Scattered { seed }),
    ]
}

impl Model {
    /// Takes the step and says which change it is.
    fn take(&mut self, step: &Step) -> Change {
        let bounds = |log: &BTreeMap<u64, Vec<u8>>| {
            let first = log.keys().next().copied().unwrap_or(1);
            (first, log.keys().next_back().map_or(first, |last| last + 1))
        };
        match *step {
            Step::Append { log, count, len } => {
                let records = self.logs.entry(log).or_default();
                let (_, first) = bounds(records);
                let added = || (first..first + count).map(|index| (index, vec![index as u8; len]));
                records.extend(added());
                let records = added().map(|(_, record)| record).collect();
                Change::Append { log, first, records }
            }
            Step::Truncate { log, count } => {
                let records = self.logs.entry(log).or_default();
                let from = bounds(records).1.saturating_sub(count);
                records.retain(|index, _| *index < from);
                Change::Truncate { log, from }
            }
            Step::Purge { log, count } => {
                let records = self.logs.entry(log).or_default();
                let through = bounds(records).0 + count;
                records.retain(|index, _| *index > through);
                Change::Purge { log, through }
            }
            Step::Put { key, len } => {
                self.rows.insert(key, vec![key; len]);
                put(1, &[key], &vec![key; len])
            }
            Step::Remove { key } => {
                self.rows.remove(&key);
                let (table, key) = (1, vec![key]);
                Change::Remove { table, key }
            }
        }
    }

    fn read(store: &Store) -> Self {
        let records = |log| {
            store
                .read(log, 0, usize::MAX, usize::MAX)
                .unwrap()
                .into_iter()
                .collect()
        };
        let rows = store.scan(1, b"", usize::MAX).unwrap();
        Self {
            logs: (0..LOGS).map(|log| (log, records(log))).collect(),
            rows: rows.into_iter().map(|(key, value)| (key[0], value)).collect(),
        }
    }

    /// With every log named, so that an empty one and none are the same.
    fn whole(mut self) -> Self {
        for log in 0..LOGS {
            self.logs.entry(log).or_default();
        }
        self
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_power_loss_leaves_the_acknowledged_and_at_most_the_commit_in_flight(
        boots in prop::collection::vec(
            (prop::collection::vec(prop::collection::vec(step(), 1..4), 1..6), loss()),
            1..4,
        ),
    ) {
        let disk = MemoryDisk::new();
        let mut model = Model::default().whole();
        for (commits, loss) in boots {
            let (store, mut writer) = open(&disk);
            prop_assert_eq!(&Model::read(&store), &model);
            let last = commits.len() - 1;
            let mut in_flight = model.clone();
            for (at, steps) in commits.iter().enumerate() {
                let changes: Vec<_> = steps.iter().map(|step| in_flight.take(step)).collect();
                if at == last {
                    // the last one is written, and its sync is what the power failure interrupts
                    disk.fail_syncs(1);
                    let failed = writer.commit(&changes);
                    prop_assert!(matches!(failed, Err(WriteError::Ended { .. })), "{:?}", failed);
                } else {
                    writer.commit(&changes).unwrap();
                    model = in_flight.clone();
                }
            }
            disk.power_loss(loss);
            disk.fail_syncs(0);
            drop((store, writer));
            let (store, _writer) = open(&disk);
            let found = Model::read(&store);
            prop_assert!(found == model || found == in_flight, "neither before nor after the commit in flight");
            model = found;
            drop((store, _writer));
        }
    }
}

#[test]
fn a_store_whose_making_was_interrupted_is_made_anew() {
    for kept in (0..40_000).step_by(512) {
        let disk = MemoryDisk::new();
        disk.fail_syncs(1 + kept / 512 % 4);
        let made = try_open(&disk);
        disk.power_loss(Loss::Tail { kept });
        disk.fail_syncs(0);
        drop(made);
        let (_, mut writer) = open(&disk);
        writer.commit(&[put(1, b"k", b"v")]).unwrap();
    }
}
