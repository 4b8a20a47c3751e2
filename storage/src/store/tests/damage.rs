//! Files that are not what was written.

use proptest::prelude::*;

use super::*;

fn written() -> (MemoryDisk, Vec<u8>) {
    let disk = MemoryDisk::new();
    let (store, mut writer) = open(&disk);
    for index in 1..60 {
        writer
            .commit(&[append(1, index, &[&[b'A' + index as u8 % 20; 120]])])
            .unwrap();
    }
    writer.commit(&[put(1, b"key", &[b'z'; 120])]).unwrap();
    drop((store, writer));
    let bytes = disk.read(NAME).unwrap();
    (disk, bytes)
}

fn holding(bytes: &[u8]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let file = disk.open_block(NAME).unwrap();
    file.write_at(0, bytes).unwrap();
    file.sync().unwrap();
    disk
}

fn find(bytes: &[u8], content: &[u8]) -> usize {
    bytes
        .windows(content.len())
        .rposition(|window| window == content)
        .unwrap()
}

#[test]
fn a_damaged_record_is_told_with_log_and_index_and_the_others_are_read() {
    let (disk, bytes) = written();
    disk.corrupt(NAME, find(&bytes, &[b'A' + 7; 120]) + 60);
    let (store, _writer) = open(&disk);
    let damaged = (1..60).filter(|index| match store.read(1, *index, 1, usize::MAX) {
        Ok(_) => false,
        Err(ReadError::Corrupt { place, .. }) => {
            assert_eq!(
                place,
                Place::Record {
                    log: 1,
                    index: *index
                }
            );
            true
        }
        Err(error) => panic!("{error}"),
    });
    assert_eq!(damaged.count(), 1);
}

#[test]
fn a_survey_counts_everything_and_names_what_is_damaged() {
    let (disk, bytes) = written();
    let survey = open(&disk).0.survey().unwrap();
    let log = LogSurvey {
        first: 1,
        last: 59,
        records: 59,
        bytes: 59 * 120,
    };
    assert_eq!(survey.logs, [(1, log)].into());
    assert_eq!(survey.tables, [(1, TableSurvey { rows: 1, bytes: 123 })].into());
    assert_eq!(survey.damaged, 0);
    disk.corrupt(NAME, find(&bytes, &[b'z'; 120]) + 60);
    let survey = open(&disk).0.survey().unwrap();
    assert_eq!((survey.damaged, survey.damage.len()), (1, 1));
}

#[test]
fn a_damaged_row_is_told_with_table_and_key() {
    let (disk, bytes) = written();
    disk.corrupt(NAME, find(&bytes, &[b'z'; 120]) + 60);
    let (store, _writer) = open(&disk);
    let found = store.get(1, b"key");
    let Err(error @ ReadError::Corrupt { .. }) = found else {
        panic!("{found:?}");
    };
    assert!(
        error.to_string().starts_with("row 6b6579 of table 1 is corrupt"),
        "{error}"
    );
    assert!(store.scan(1, b"", 9).is_err());
}

#[test]
fn a_file_that_was_cut_is_refused() {
    let (_, bytes) = written();
    for len in [0, 1, 100, 4096, 50_000, bytes.len() / 2, bytes.len() - 4096] {
        let opened = try_open(&holding(&bytes[..len]));
        assert!(
            matches!(opened, Err(OpenError::Corrupt { .. })),
            "{len}: {:?}",
            opened.err()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..20_000)) {
        prop_assert!(try_open(&holding(&bytes)).is_err());
    }

    #[test]
    fn damage_is_told_or_does_not_matter(places in prop::collection::vec(any::<prop::sample::Index>(), 1..40)) {
        let (disk, bytes) = written();
        // where something was written
        let used: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        for place in places {
            disk.corrupt(NAME, used[place.index(used.len())]);
        }
        if let Ok((store, _writer)) = try_open(&disk) {
            for (index, record) in store.read(1, 0, usize::MAX, usize::MAX).unwrap_or_default() {
                prop_assert_eq!(record, vec![b'A' + index as u8 % 20; 120]);
            }
            if let Ok(Some(value)) = store.get(1, b"key") {
                prop_assert_eq!(value, vec![b'z'; 120]);
            }
        }
    }
}
