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
