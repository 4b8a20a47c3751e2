//! What every disk does, run on each.

use std::io::ErrorKind;

use super::{Disk, FileDisk, MemoryDisk};

#[test]
fn the_memory_disk_is_a_disk() {
    for check in SUITE {
        check(&MemoryDisk::new());
    }
}

#[test]
fn the_file_disk_is_a_disk() {
    for check in SUITE {
        let root = tempfile::tempdir().unwrap();
        check(&FileDisk::open(root.path()).unwrap());
    }
}

const SUITE: [fn(&dyn Disk); 9] = [
    appended_bytes_are_read_back_at_once,
    an_opened_file_continues_at_its_end,
    names_are_created_once_and_listed_in_order,
    renaming_replaces,
    truncation_moves_the_end,
    missing_names_are_not_found,
    a_file_written_in_place_is_made_and_kept,
    a_file_written_in_place_grows_by_zeros_and_is_cut,
    reading_in_place_past_the_end_is_told,
];

fn appended_bytes_are_read_back_at_once(disk: &dyn Disk) {
    let mut file = disk.create("a").unwrap();
    file.append(b"one").unwrap();
    file.append(b"").unwrap();
    file.append(b"two").unwrap();
    assert_eq!(disk.read("a").unwrap(), b"onetwo");
    assert_eq!(disk.read_start("a", 4).unwrap(), b"onet");
    assert_eq!(disk.read_start("a", 40).unwrap(), b"onetwo");
    file.sync().unwrap();
    disk.sync_names().unwrap();
    assert_eq!(disk.read("a").unwrap(), b"onetwo");
}

fn an_opened_file_continues_at_its_end(disk: &dyn Disk) {
    disk.create("a").unwrap().append(b"one").unwrap();
    disk.open("a").unwrap().append(b"two").unwrap();
    assert_eq!(disk.read("a").unwrap(), b"onetwo");
}

fn names_are_created_once_and_listed_in_order(disk: &dyn Disk) {
    for name in ["c", "a", "b"] {
        disk.create(name).unwrap();
    }
    assert_eq!(disk.create("a").err().unwrap().kind(), ErrorKind::AlreadyExists);
    disk.remove("b").unwrap();
    assert_eq!(disk.list().unwrap(), ["a", "c"]);
}

fn renaming_replaces(disk: &dyn Disk) {
    disk.create("a").unwrap().append(b"old").unwrap();
    let mut file = disk.create("b").unwrap();
    file.append(b"new").unwrap();
    disk.rename("b", "a").unwrap();
    assert_eq!(disk.list().unwrap(), ["a"]);
    // the handle follows the file, not the name
    file.append(b"er").unwrap();
    assert_eq!(disk.read("a").unwrap(), b"newer");
}

fn truncation_moves_the_end(disk: &dyn Disk) {
    let mut file = disk.create("a").unwrap();
    file.append(b"whole").unwrap();
    file.truncate(2).unwrap();
    file.append(b"o").unwrap();
    assert_eq!(disk.read("a").unwrap(), b"who");
}

fn missing_names_are_not_found(disk: &dyn Disk) {
    assert_eq!(disk.open("a").err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(disk.read("a").err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(disk.remove("a").err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(disk.rename("a", "b").err().unwrap().kind(), ErrorKind::NotFound);
}

fn a_file_written_in_place_is_made_and_kept(disk: &dyn Disk) {
    let file = disk.open_block("a").unwrap();
    assert!(file.is_empty().unwrap());
    file.write_at(0, b"abcdef").unwrap();
    file.write_at(2, b"CD").unwrap();
    file.sync().unwrap();
    let again = disk.open_block("a").unwrap();
    let mut out = [0; 4];
    again.read_at(1, &mut out).unwrap();
    assert_eq!(&out, b"bCDe");
    assert_eq!(disk.read("a").unwrap(), b"abCDef");
    assert_eq!(disk.list().unwrap(), ["a"]);
}

fn a_file_written_in_place_grows_by_zeros_and_is_cut(disk: &dyn Disk) {
    let file = disk.open_block("a").unwrap();
    file.write_at(2, b"x").unwrap();
    file.set_len(5).unwrap();
    assert_eq!(disk.read("a").unwrap(), b"\0\0x\0\0");
    file.set_len(1).unwrap();
    file.set_len(3).unwrap();
    assert_eq!(disk.read("a").unwrap(), b"\0\0\0");
    assert_eq!(file.len().unwrap(), 3);
}

fn reading_in_place_past_the_end_is_told(disk: &dyn Disk) {
    let file = disk.open_block("a").unwrap();
    file.write_at(0, b"abc").unwrap();
    for offset in [2, 3, 100] {
        let read = file.read_at(offset, &mut [0; 2]);
        assert_eq!(read.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
