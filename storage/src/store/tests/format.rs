//! Format 1 as first written, read for ever.

use super::*;

/// A sample is a megabyte of pages, nearly all of them zeros: kept as the ranges that are not.
const FORMAT_1: &str = include_str!("format-1.hex");

/// What the sample holds.
fn history(writer: &mut Writer) {
    writer
        .commit(&[
            append(1, 5, &[b"five", b"six", b""]),
            append(300, 1, &[b"other log"]),
        ])
        .unwrap();
    writer
        .commit(&[put(1, b"vote", b"me"), put(2, b"", b"empty key")])
        .unwrap();
    writer
        .commit(&[
            Change::Purge { log: 1, through: 5 },
            Change::Truncate { log: 1, from: 7 },
        ])
        .unwrap();
}

/// Lines of an offset and the bytes there; the first is the length alone.
fn decode(sample: &str) -> Vec<u8> {
    let mut lines = sample.lines();
    let mut bytes = vec![0; lines.next().unwrap().parse().unwrap()];
    for line in lines {
        let (offset, content) = line.split_once(' ').unwrap();
        let (offset, content): (usize, _) = (offset.parse().unwrap(), hex::decode(content).unwrap());
        bytes[offset..offset + content.len()].copy_from_slice(&content);
    }
    bytes
}

fn encode(bytes: &[u8]) -> String {
    let mut out = bytes.len().to_string();
    for (at, content) in bytes.chunks(32).enumerate() {
        if content.iter().any(|byte| *byte != 0) {
            out += &format!("\n{} {}", at * 32, hex::encode(content));
        }
    }
    out + "\n"
}

fn holding(bytes: &[u8]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.open_block(NAME).unwrap().write_at(0, bytes).unwrap();
    disk
}

fn check(store: &Store) {
    assert_eq!(store.read(1, 0, 9, 99).unwrap(), [(6, b"six".to_vec())]);
    assert_eq!(store.read(300, 0, 9, 99).unwrap(), [(1, b"other log".to_vec())]);
    assert_eq!(store.get(1, b"vote").unwrap().unwrap(), b"me");
    assert_eq!(
        store.scan(2, b"", 9).unwrap(),
        [(Vec::new(), b"empty key".to_vec())]
    );
}

#[test]
fn format_1_is_read() {
    check(&open(&holding(&decode(FORMAT_1))).0);
}

#[test]
fn format_1_is_written() {
    let disk = MemoryDisk::new();
    let (store, mut writer) = open(&disk);
    history(&mut writer);
    check(&store);
    drop((store, writer));
    assert_eq!(encode(&disk.read(NAME).unwrap()), FORMAT_1);
}

#[test]
fn a_later_format_is_refused_by_name() {
    let disk = MemoryDisk::new();
    let (store, writer) = open(&disk);
    let write = |database: &redb::Database| database::write_format(database, FORMAT + 1);
    store.shared.with(write).unwrap();
    drop((store, writer));
    let refused = try_open(&disk);
    assert!(
        matches!(refused, Err(OpenError::Format { found, known: FORMAT, .. }) if found == FORMAT + 1),
        "{:?}",
        refused.err()
    );
}
