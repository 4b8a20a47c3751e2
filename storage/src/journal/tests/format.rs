//! Format 1 as first written, read for ever.

use super::*;

/// Two segments: three records, and a snapshot with one record after it.
const FORMAT_1: [(u64, &[u8]); 2] = [
    (1, include_bytes!("format-1/00000000000000000001.journal")),
    (2, include_bytes!("format-1/00000000000000000002.journal")),
];

fn history(journal: &mut Journal) {
    append(journal, &[b"first".to_vec(), Vec::new()]);
    journal.sync().unwrap();
    append(journal, &[b"third".to_vec()]);
}

fn compacted(journal: &mut Journal) {
    journal.checkpoint([b"snapshot".as_slice()]).unwrap();
    append(journal, &[b"fourth".to_vec()]);
}

fn holding(samples: &[(u64, &[u8])]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    for (number, bytes) in samples {
        disk.create(&segment::name(*number))
            .unwrap()
            .append(bytes)
            .unwrap();
    }
    disk
}

#[test]
fn format_1_is_read() {
    assert_eq!(
        records(&holding(&FORMAT_1[..1])),
        [b"first".as_slice(), b"", b"third"]
    );
    assert_eq!(records(&holding(&FORMAT_1)), [b"snapshot".as_slice(), b"fourth"]);
}

#[test]
fn format_1_is_written() {
    let disk = MemoryDisk::new();
    let (mut journal, ..) = open(&disk).unwrap();
    history(&mut journal);
    assert_eq!(disk.read(&segment::name(1)).unwrap(), FORMAT_1[0].1);
    compacted(&mut journal);
    assert_eq!(disk.read(&segment::name(2)).unwrap(), FORMAT_1[1].1);
}
