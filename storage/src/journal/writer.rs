//! Appends, syncs and compacts.

use std::error::Error;
use std::io;

use super::active::{Active, begin, is_full, reopen};
use super::frame::{self, MAX_BATCH};
use super::recovery::{self, Recovered};
use super::segment;
use super::{OpenError, WriteError};
use crate::disk::{Disk, Syncer};

/// How a journal is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Size in bytes past which a segment is followed by another, at most [`MAX_BATCH`]. A batch is never split, so a
    /// segment may be larger.
    pub segment_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Half a sync, for another thread.
pub struct SyncJob {
    segment: u64,
    upto: usize,
    syncer: Syncer,
}

/// What came of it.
#[derive(Debug)]
pub struct SyncDone {
    segment: u64,
    upto: usize,
    result: io::Result<()>,
}

impl SyncJob {
    /// Waits for the disk.
    #[must_use]
    pub fn run(self) -> SyncDone {
        SyncDone {
            segment: self.segment,
            upto: self.upto,
            result: (self.syncer)(),
        }
    }
}

/// An open journal. The directory belongs to it alone.
pub struct Journal {
    disk: Box<dyn Disk>,
    options: Options,
    active: Active,
    /// Bytes of the segments before the active one.
    before: u64,
    /// Where the first failure happened, once there was one.
    failed: Option<(&'static str, String)>,
    /// Kept for its capacity.
    buffer: Vec<u8>,
}

impl Journal {
    /// Opens the journal of a directory and hands every record to `read`, in the order of their appends. An empty directory
    /// is an empty journal.
    ///
    /// # Errors
    /// [`OpenError`]; an error of `read` comes back as [`OpenError::Refused`].
    pub fn open(
        disk: Box<dyn Disk>,
        options: Options,
        mut read: impl FnMut(&[u8]) -> Result<(), Box<dyn Error + Send + Sync>>,
    ) -> Result<(Self, Recovered), OpenError> {
        let (recovered, tail) = recovery::run(disk.as_ref(), &mut read)?;
        let (active, before) = match tail {
            Some(tail) => (reopen(disk.as_ref(), &tail)?, tail.total - tail.len as u64),
            None => {
                let first = begin(disk.as_ref(), 1, 0, &[]).map_err(|step| step.into_open_error())?;
                (first, 0)
            }
        };
        let journal = Self {
            disk,
            options,
            active,
            before,
            failed: None,
            buffer: Vec::new(),
        };
        Ok((journal, recovered))
    }

    /// Appends records in one write, all or none. They survive the process when this returns, and a power failure after the
    /// next [`Self::sync`].
    ///
    /// # Errors
    /// [`WriteError`]; after `Full` and `TooLarge` the journal is as before and goes on.
    pub fn append<'a>(&mut self, records: impl IntoIterator<Item = &'a [u8]>) -> Result<(), WriteError> {
        self.check()?;
        let mut batch = std::mem::take(&mut self.buffer);
        batch.clear();
        let result = self.append_batch(&mut batch, records);
        self.buffer = batch;
        result
    }

    fn append_batch<'a>(
        &mut self,
        batch: &mut Vec<u8>,
        records: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), WriteError> {
        // offsets have 32 bits, whatever the options say
        if self.active.len >= self.options.segment_bytes.min(MAX_BATCH) {
            self.rotate()?;
        }
        let Active {
            segment, len, synced, ..
        } = self.active;
        push_all(batch, segment, len, synced, "batch", records)?;
        match self.active.file.append(batch) {
            Ok(()) => {
                self.active.len += batch.len();
                self.active.records_end = self.active.len;
                Ok(())
            }
            Err(error) => Err(self.undo(error)),
        }
    }

    /// Makes every record appended so far survive a power failure.
    ///
    /// # Errors
    /// [`WriteError::Failed`]; what will survive is then not known.
    pub fn sync(&mut self) -> Result<(), WriteError> {
        self.check()?;
        if self.unsynced() == 0 {
            return Ok(());
        }
        if let Err(source) = self.active.file.sync() {
            return Err(self.fail("sync", segment::name(self.active.segment), source));
        }
        self.active.synced = self.active.len;
        self.mark()
    }

    /// As [`Self::sync`], in two halves, so that another thread waits for the disk: run the job there and bring it back to
    /// [`Self::end_sync`]. `None` when everything is durable.
    ///
    /// # Errors
    /// [`WriteError::Failed`].
    pub fn begin_sync(&mut self) -> Result<Option<SyncJob>, WriteError> {
        self.check()?;
        if self.unsynced() == 0 {
            return Ok(None);
        }
        let (segment, upto) = (self.active.segment, self.active.len);
        match self.active.file.syncer() {
            Ok(syncer) => Ok(Some(SyncJob {
                segment,
                upto,
                syncer,
            })),
            Err(source) => Err(self.fail("sync", segment::name(segment), source)),
        }
    }

    /// Takes note of a finished job. One of a segment that was left meanwhile says nothing new: leaving it synced it.
    ///
    /// # Errors
    /// [`WriteError::Failed`]; what will survive is then not known.
    pub fn end_sync(&mut self, done: SyncDone) -> Result<(), WriteError> {
        self.check()?;
        if let Err(source) = done.result {
            return Err(self.fail("sync", segment::name(done.segment), source));
        }
        if done.segment == self.active.segment {
            self.active.synced = self.active.synced.max(done.upto);
        }
        Ok(())
    }

    /// Says in the file how far the sync reached, so that damage to what was durable is never taken for a torn tail.
    fn mark(&mut self) -> Result<(), WriteError> {
        let mark = frame::mark(self.active.segment, self.active.len);
        match self.active.file.append(&mark).map_err(|error| self.undo(error)) {
            Ok(()) => {
                self.active.len += mark.len();
                Ok(())
            }
            // the records are durable all the same
            Err(WriteError::Full) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Replaces the history by `snapshot`: a segment that begins with it is written and synced, then the older ones are
    /// removed. Whenever the power fails, either the history or the snapshot is there whole.
    ///
    /// The snapshot is encoded in memory.
    ///
    /// # Errors
    /// [`WriteError`]; after `Full` and `TooLarge` the history stands and the journal goes on.
    pub fn checkpoint<'a>(&mut self, snapshot: impl IntoIterator<Item = &'a [u8]>) -> Result<(), WriteError> {
        self.check()?;
        let mut frames = Vec::new();
        let next = self.active.segment + 1;
        push_all(&mut frames, next, segment::HEADER, 0, "snapshot", snapshot)?;
        self.advance(0, &frames)?;
        self.before = 0;
        self.remove_before(next)
    }

    /// Bytes on disk: what a restart reads. A checkpoint brings it down to the snapshot.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.before + self.active.len as u64
    }

    /// Whether there is not a single record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == segment::HEADER as u64
    }

    /// Bytes of records that a power failure may take.
    #[must_use]
    pub const fn unsynced(&self) -> usize {
        self.active.records_end.saturating_sub(self.active.synced)
    }

    fn rotate(&mut self) -> Result<(), WriteError> {
        self.sync()?;
        let len = self.active.len;
        // not its length: the mark at the end is not durable
        self.advance(self.active.synced as u32, &[])?;
        self.before += len as u64;
        Ok(())
    }

    /// Goes on in another segment that begins with `frames`.
    fn advance(&mut self, follows: u32, frames: &[u8]) -> Result<(), WriteError> {
        match begin(self.disk.as_ref(), self.active.segment + 1, follows, frames) {
            Ok(active) => {
                self.active = active;
                Ok(())
            }
            Err(step) if step.is_harmless() => {
                // what is left of it is in the way of another try, which then says so
                let _ = self.disk.remove(&step.file);
                Err(WriteError::Full)
            }
            Err(step) => Err(self.fail(step.doing, step.file, step.source)),
        }
    }

    fn remove_before(&mut self, segment: u64) -> Result<(), WriteError> {
        let names = match self.disk.list() {
            Ok(names) => names,
            Err(source) => return Err(self.fail("list", ".".to_owned(), source)),
        };
        let is_obsolete = |name: &String| segment::number(name).is_some_and(|number| number < segment);
        for name in names.into_iter().filter(is_obsolete) {
            if let Err(source) = self.disk.remove(&name) {
                return Err(self.fail("remove", name, source));
            }
        }
        Ok(())
    }

    /// A full disk leaves part of a batch behind: with that cut off nothing happened, else nobody knows.
    fn undo(&mut self, error: io::Error) -> WriteError {
        let name = segment::name(self.active.segment);
        if !is_full(&error) {
            return self.fail("append to", name, error);
        }
        match self.active.file.truncate(self.active.len as u64) {
            Ok(()) => WriteError::Full,
            Err(source) => self.fail("truncate", name, source),
        }
    }

    fn check(&self) -> Result<(), WriteError> {
        match &self.failed {
            None => Ok(()),
            Some((doing, file)) => Err(WriteError::Failed {
                doing,
                file: file.clone(),
                source: None,
            }),
        }
    }

    fn fail(&mut self, doing: &'static str, file: String, source: io::Error) -> WriteError {
        self.failed = Some((doing, file.clone()));
        WriteError::Failed {
            doing,
            file,
            source: Some(source),
        }
    }
}

/// Appends the frames of all records to `out`; the first will begin at `offset`.
fn push_all<'a>(
    out: &mut Vec<u8>,
    segment: u64,
    offset: usize,
    synced: usize,
    what: &'static str,
    records: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(), WriteError> {
    for record in records {
        frame::push(out, segment, offset + out.len(), synced as u32, record)?;
        if out.len() > MAX_BATCH {
            return Err(WriteError::TooLarge {
                what,
                len: out.len(),
                max: MAX_BATCH,
            });
        }
    }
    Ok(())
}
