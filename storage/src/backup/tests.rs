//! Backups written, read and damaged.

use super::*;

/// Format 1 as first written, read for ever: two groups, the second without a byte.
const FORMAT_1: &str = include_str!("tests/format-1.hex");

const METADATA: &[u8] = br#"{"cluster":"c"}"#;
const SNAPSHOTS: [(u16, &[u8]); 2] = [(1, b"a snapshot of group 1"), (0, b"")];

fn written() -> Vec<u8> {
    let mut encoder = Encoder::default();
    let mut bytes = encoder.header(2, METADATA).unwrap();
    for (group, snapshot) in SNAPSHOTS {
        bytes.extend(encoder.group(group, snapshot.len() as u64));
        for piece in snapshot.chunks(4) {
            encoder.content(piece);
            bytes.extend_from_slice(piece);
        }
    }
    bytes.extend(encoder.end());
    bytes
}

type Found = Vec<(u16, Vec<u8>)>;

fn read(bytes: &[u8]) -> Result<Found, BackupError> {
    let mut reader = BackupReader::open(bytes)?;
    let mut found = Vec::new();
    while let Some((group, len)) = reader.next_group()? {
        let mut snapshot = Vec::new();
        while let Some(piece) = reader.read(5)? {
            snapshot.extend(piece);
        }
        assert_eq!(snapshot.len() as u64, len);
        found.push((group, snapshot));
    }
    Ok(found)
}

#[test]
fn what_is_written_is_read_and_is_as_long_as_was_said() {
    let bytes = written();
    assert_eq!(BackupReader::open(&*bytes).unwrap().metadata(), METADATA);
    let found = read(&bytes).unwrap();
    let expected = SNAPSHOTS.map(|(group, snapshot)| (group, snapshot.to_vec()));
    assert_eq!(found, expected);
    BackupReader::open(&*bytes).unwrap().verify().unwrap();
    let lens = SNAPSHOTS.map(|(_, snapshot)| snapshot.len() as u64);
    assert_eq!(Encoder::len_of(METADATA.len(), &lens), bytes.len() as u64);
}

#[test]
fn any_damaged_byte_any_cut_and_anything_behind_is_told() {
    let whole = written();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        assert!(read(&damaged).is_err(), "byte {at}");
        let cut = read(&whole[..at]);
        let is_told = matches!(cut, Err(BackupError::Truncated { .. } | BackupError::Foreign));
        assert!(is_told, "{at}: {cut:?}");
    }
    let longer = [whole.as_slice(), b"x"].concat();
    assert!(matches!(read(&longer), Err(BackupError::Corrupt { .. })));
}

#[test]
fn another_file_and_another_format_are_told_apart() {
    assert!(matches!(
        read(b"something else entirely"),
        Err(BackupError::Foreign)
    ));
    let mut later = written();
    later[8] = 2;
    assert!(matches!(
        read(&later),
        Err(BackupError::Format { found: 2, known: 1 })
    ));
    let metadata = vec![0; MAX_METADATA + 1];
    let refused = Encoder::default().header(0, &metadata);
    assert!(matches!(refused, Err(BackupError::TooLarge { .. })));
}

#[test]
fn format_1_is_read_and_written_as_ever() {
    let sample = hex::decode(FORMAT_1.trim()).unwrap();
    assert_eq!(hex::encode(written()), FORMAT_1.trim());
    assert_eq!(read(&sample).unwrap().len(), 2);
}
