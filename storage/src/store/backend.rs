//! What redb writes to: a file of the disk, and a note of what failed there.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::StorageBackend;

use crate::disk::BlockFile;

/// What failed since the file was opened.
#[derive(Debug, Default)]
pub(super) struct Failures {
    full: AtomicBool,
    other: AtomicBool,
}

impl Failures {
    /// There was no space for a write, and nothing else failed.
    pub(super) fn only_full(&self) -> bool {
        self.full.load(Ordering::Acquire) && !self.other.load(Ordering::Acquire)
    }
}

/// A file as redb sees it.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) file: Arc<dyn BlockFile>,
    pub(super) failures: Arc<Failures>,
}

impl Backend {
    fn written(&self, result: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &result {
            let is_full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
            let failure = if is_full {
                &self.failures.full
            } else {
                &self.failures.other
            };
            failure.store(true, Ordering::Release);
        }
        result
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.written(self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        let result = self.file.sync();
        // whatever it says, what was written before is no longer known to be there
        if result.is_err() {
            self.failures.other.store(true, Ordering::Release);
        }
        result
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.written(self.file.write_at(offset, data))
    }
}
