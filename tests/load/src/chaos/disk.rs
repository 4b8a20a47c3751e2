//! A disk without space: a file takes all that is left.

use std::fs::{File, create_dir_all};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// More space than this is somebody's disk, and not one made for the trial.
const SMALL: u64 = 4 << 30;
/// What is written at once, and in the end: a file may still grow by less than a page.
const PIECES: [usize; 3] = [1 << 20, 4096, 1];

/// Takes all space until it is dropped.
#[derive(Debug)]
pub(super) struct Ballast(PathBuf);

/// Takes all space of the file system of `directory`, which must be a small one.
pub(super) fn fill(directory: &Path) -> Result<Ballast> {
    create_dir_all(directory)?;
    let space = rustix::fs::statvfs(directory)?;
    ensure!(
        space.f_blocks * space.f_frsize <= SMALL,
        "{} is not on a small file system of its own",
        directory.display()
    );
    fill_to(directory, u64::MAX)
}

/// As [`fill`], to at most `size` bytes.
fn fill_to(directory: &Path, size: u64) -> Result<Ballast> {
    let path = directory.join("ballast");
    let mut file = File::create(&path)?;
    let ballast = Ballast(path);
    let mut left = size;
    for piece in PIECES {
        let bytes = vec![b'x'; piece];
        while left >= piece as u64 {
            match file.write_all(&bytes) {
                Ok(()) => left -= piece as u64,
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(ballast)
}

impl Drop for Ballast {
    fn drop(&mut self) {
        // Whoever removed it before gave the space back.
        std::fs::remove_file(&self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ballast_is_gone_when_it_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let ballast = fill_to(directory.path(), 5_000).unwrap();
        let path = directory.path().join("ballast");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 5_000);
        drop(ballast);
        assert!(!path.exists());
    }
}
