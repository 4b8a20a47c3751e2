//! What the faults of the memory disk leave behind.

use super::*;

fn written(synced: &[u8], unsynced: &[u8]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let mut file = disk.create("a").unwrap();
    file.append(synced).unwrap();
    file.sync().unwrap();
    disk.sync_names().unwrap();
    file.append(unsynced).unwrap();
    disk
}

#[test]
fn a_power_loss_spares_what_was_synced() {
    let disk = written(b"synced", b"tail");
    disk.create("b").unwrap();
    disk.power_loss(Loss::Tail { kept: 1 });
    assert_eq!(disk.read("a").unwrap(), b"syncedt");
    assert_eq!(disk.list().unwrap(), ["a"]);
    let disk = written(b"synced", b"tail");
    disk.power_loss(Loss::Zeros { kept: 1 });
    assert_eq!(disk.read("a").unwrap(), b"syncedt\0\0\0");
}

#[test]
fn scattered_pages_are_lost_or_kept_whole() {
    let disk = written(b"", &[1; 640]);
    disk.power_loss(Loss::Scattered { seed: 7 });
    let bytes = disk.read("a").unwrap();
    assert!(
        bytes
            .chunks(64)
            .all(|page| page.iter().all(|byte| *byte == page[0]))
    );
    assert!(bytes.contains(&0) && bytes.contains(&1));
}

#[test]
fn handles_from_before_a_power_loss_are_dead() {
    let disk = MemoryDisk::new();
    let mut file = disk.create("a").unwrap();
    disk.power_loss(Loss::Tail { kept: 0 });
    assert!(file.append(b"x").is_err());
}

#[test]
fn a_full_disk_takes_what_fits_and_says_so() {
    let disk = written(b"1234", b"");
    disk.set_capacity(Some(6));
    let mut file = disk.open("a").unwrap();
    assert_eq!(file.append(b"5678").unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(disk.read("a").unwrap(), b"123456");
    disk.set_capacity(None);
    file.append(b"78").unwrap();
}

/// Two sectors of ones that are durable, then twos over both.
fn overwritten() -> MemoryDisk {
    let disk = MemoryDisk::new();
    let file = disk.open_block("a").unwrap();
    file.write_at(0, &[1; 1024]).unwrap();
    file.sync().unwrap();
    disk.sync_names().unwrap();
    file.write_at(0, &[2; 1024]).unwrap();
    disk
}

#[test]
fn a_power_loss_tears_what_was_written_in_place() {
    let disk = overwritten();
    disk.power_loss(Loss::Tail { kept: 100 });
    assert_eq!(disk.read("a").unwrap(), [[2; 100].as_slice(), &[1; 924]].concat());
}

#[test]
fn a_power_loss_keeps_any_of_the_sectors_written_in_place() {
    let mut found = std::collections::BTreeSet::new();
    for seed in 0..64 {
        let disk = overwritten();
        let seed = seed << 57;
        disk.power_loss(Loss::Scattered { seed });
        let bytes = disk.read("a").unwrap();
        assert!(
            bytes
                .chunks(512)
                .all(|sector| sector.iter().all(|byte| *byte == sector[0]))
        );
        found.insert((bytes[0], bytes[512]));
    }
    assert_eq!(found.len(), 4);
}

#[test]
fn a_full_disk_takes_nothing_in_place_that_makes_a_file_longer() {
    let disk = overwritten();
    disk.set_capacity(Some(1024));
    let file = disk.open_block("a").unwrap();
    assert_eq!(file.set_len(1025).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(
        file.write_at(1000, &[3; 100]).unwrap_err().kind(),
        ErrorKind::StorageFull
    );
    file.write_at(0, &[3; 1024]).unwrap();
    assert_eq!(disk.read("a").unwrap(), [3; 1024]);
}
