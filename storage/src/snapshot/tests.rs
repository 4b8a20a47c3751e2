//! Snapshots written, sent and damaged.

use std::sync::Arc;

use super::*;
use crate::disk::{Disk, Loss, MemoryDisk};

const ID: Id = Id { group: 3, number: 40 };
const CHUNKS: [&[u8]; 3] = [b"first", b"", b"third"];

fn snapshots(disk: &MemoryDisk) -> Snapshots {
    Snapshots::new(Arc::new(disk.clone()))
}

fn write(disk: &MemoryDisk, id: Id) {
    let mut writer = snapshots(disk).create(id, b"metadata").unwrap();
    for chunk in CHUNKS {
        writer.append(chunk).unwrap();
    }
    writer.finish().unwrap();
}

fn chunks(reader: &mut SnapshotReader) -> Result<Vec<Vec<u8>>, SnapshotError> {
    std::iter::from_fn(|| reader.next_chunk().transpose()).collect()
}

fn read(disk: &MemoryDisk) -> Result<Vec<Vec<u8>>, SnapshotError> {
    chunks(&mut snapshots(disk).open(ID)?)
}

/// Sends what is not there yet in pieces of 10 bytes, at most `max` of them.
fn send(from: &MemoryDisk, to: &MemoryDisk, max: usize) -> Received {
    let reader = snapshots(from).open(ID).unwrap();
    let mut received = snapshots(to).receive(ID).unwrap();
    for _ in 0..max {
        let bytes = reader.read_raw(received.len(), 10).unwrap();
        received.append(&bytes).unwrap();
    }
    received
}

#[test]
fn what_is_written_is_read_in_the_same_chunks() {
    let disk = MemoryDisk::new();
    write(&disk, ID);
    disk.power_loss(Loss::Tail { kept: 0 });
    let mut reader = snapshots(&disk).open(ID).unwrap();
    assert_eq!(reader.header().metadata, b"metadata");
    assert_eq!(reader.header().group, 3);
    reader.verify().unwrap();
    assert_eq!(chunks(&mut reader).unwrap(), CHUNKS);
    assert!(reader.next_chunk().unwrap().is_none());
}

#[test]
fn an_unfinished_one_has_no_name() {
    let disk = MemoryDisk::new();
    let mut writer = snapshots(&disk).create(ID, b"").unwrap();
    writer.append(b"chunk").unwrap();
    drop(writer);
    assert_eq!(snapshots(&disk).list().unwrap(), []);
    assert!(matches!(
        snapshots(&disk).open(ID),
        Err(SnapshotError::Missing { .. })
    ));
    write(&disk, ID);
    assert_eq!(snapshots(&disk).list().unwrap(), [ID]);
}

#[test]
fn any_damaged_byte_and_any_cut_is_told_with_its_place() {
    let disk = MemoryDisk::new();
    write(&disk, ID);
    let whole = disk.read(&ID.file()).unwrap();
    for at in 0..whole.len() {
        disk.corrupt(&ID.file(), at);
        let found = read(&disk);
        // a format that is not known is as good an answer
        let is_told = match &found {
            Err(SnapshotError::Corrupt { file, offset, .. }) => {
                *file == ID.file() && *offset <= whole.len() as u64
            }
            Err(SnapshotError::Format { .. }) => (8..10).contains(&at),
            _ => false,
        };
        assert!(is_told, "byte {at}: {found:?}");
        disk.corrupt(&ID.file(), at);
    }
    for len in (0..whole.len()).rev() {
        disk.open(&ID.file()).unwrap().truncate(len as u64).unwrap();
        let found = read(&disk);
        assert!(
            matches!(found, Err(SnapshotError::Corrupt { offset, .. }) if offset == len as u64),
            "{len}: {found:?}"
        );
    }
}

#[test]
fn bytes_after_the_end_are_damage() {
    let disk = MemoryDisk::new();
    write(&disk, ID);
    disk.open(&ID.file()).unwrap().append(b"x").unwrap();
    assert!(matches!(read(&disk), Err(SnapshotError::Corrupt { .. })));
}

#[test]
fn receiving_goes_on_where_it_ended() {
    let (from, to) = (MemoryDisk::new(), MemoryDisk::new());
    write(&from, ID);
    drop(send(&from, &to, 4));
    let received = send(&from, &to, 0);
    assert_eq!(received.len(), 40);
    drop(received);
    send(&from, &to, 10).finish().unwrap();
    to.power_loss(Loss::Tail { kept: 0 });
    assert_eq!(read(&to).unwrap(), CHUNKS);
}

#[test]
fn what_was_received_damaged_gets_no_name_and_is_received_anew() {
    let (from, to) = (MemoryDisk::new(), MemoryDisk::new());
    write(&from, ID);
    let received = send(&from, &to, 10);
    to.corrupt(&ID.part(), 50);
    assert!(matches!(received.finish(), Err(SnapshotError::Corrupt { .. })));
    assert_eq!(snapshots(&to).list().unwrap(), []);
    assert!(send(&from, &to, 0).is_empty());
    // cut short
    assert!(send(&from, &to, 4).finish().is_err());
    // of another group
    let other = Id { group: 4, number: 40 };
    let mut received = snapshots(&to).receive(other).unwrap();
    received.append(&from.read(&ID.file()).unwrap()).unwrap();
    assert!(matches!(received.finish(), Err(SnapshotError::Corrupt { .. })));
}

#[test]
fn older_ones_of_the_group_are_removed() {
    let disk = MemoryDisk::new();
    let id = |group, number| Id { group, number };
    for id in [id(3, 1), id(3, 2), id(3, 3), id(4, 1)] {
        write(&disk, id);
    }
    drop(snapshots(&disk).receive(id(3, 1)).unwrap());
    assert_eq!(snapshots(&disk).remove_before(id(3, 3)).unwrap(), 3);
    assert_eq!(snapshots(&disk).list().unwrap(), [id(3, 3), id(4, 1)]);
}

#[test]
fn a_full_disk_is_told_and_leaves_no_name() {
    let disk = MemoryDisk::new();
    let mut writer = snapshots(&disk).create(ID, b"").unwrap();
    disk.set_capacity(Some(30));
    assert!(matches!(writer.append(&[0; 64]), Err(SnapshotError::Full)));
    drop(writer);
    disk.set_capacity(None);
    write(&disk, ID);
    assert_eq!(read(&disk).unwrap(), CHUNKS);
}

#[test]
fn chunks_and_metadata_have_bounds() {
    let disk = MemoryDisk::new();
    let refused = snapshots(&disk).create(ID, &vec![0; MAX_METADATA + 1]);
    assert!(matches!(
        refused,
        Err(SnapshotError::TooLarge { what: "metadata", .. })
    ));
    let mut writer = snapshots(&disk).create(ID, &vec![0; MAX_METADATA]).unwrap();
    let refused = writer.append(&vec![0; MAX_CHUNK + 1]);
    assert!(matches!(
        refused,
        Err(SnapshotError::TooLarge { what: "chunk", .. })
    ));
    writer.append(&vec![0; MAX_CHUNK]).unwrap();
    writer.finish().unwrap();
    snapshots(&disk).open(ID).unwrap().verify().unwrap();
}

/// One of every part, as first written; read for ever.
const FORMAT_1: &str = include_str!("format-1.hex");

#[test]
fn format_1_is_read_and_written() {
    let disk = MemoryDisk::new();
    let sample = hex::decode(FORMAT_1.trim_end()).unwrap();
    disk.create(&ID.file()).unwrap().append(&sample).unwrap();
    assert_eq!(read(&disk).unwrap(), CHUNKS);
    write(&disk, ID);
    assert_eq!(disk.read(&ID.file()).unwrap(), sample);
}

#[test]
fn a_later_format_is_refused_by_name() {
    let disk = MemoryDisk::new();
    let mut sample = hex::decode(FORMAT_1.trim_end()).unwrap();
    sample[8] = 2;
    disk.create(&ID.file()).unwrap().append(&sample).unwrap();
    assert!(matches!(
        read(&disk),
        Err(SnapshotError::Format {
            found: 2,
            known: 1,
            ..
        })
    ));
}
