//! The ledger's and the node's own records over `storage`.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use atp_actors::ledger::{LedgerLog, LogFailed};
use atp_routing::budget::{Bounds, Ledger, Record, spender};
use atp_storage::disk::FileDisk;
use atp_storage::journal::{Journal, OpenError, Options, SyncDone, SyncJob, WriteError};

/// A journal longer than this many bytes is replaced by a snapshot when it is also four times as long as the last one.
const CHECKPOINT_BYTES: u64 = 64 << 20;

/// Why the node's data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory cannot be opened.
    #[error("cannot open {path}; check its owner and mode, and that no other node uses it")]
    Directory {
        /// The directory.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The journal cannot be read back.
    #[error("cannot recover {path}")]
    Recovery {
        /// The directory.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: OpenError,
    },
    /// The audit log cannot be gone on with.
    #[error("cannot go on in {path}")]
    Audit {
        /// The directory.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: atp_storage::audit::OpenError,
    },
}

/// Opens the journal below `data_dir/name` and hands every record to `read`.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn open(
    data_dir: &Path,
    name: &str,
    read: impl FnMut(&[u8]) -> Result<(), Box<dyn std::error::Error + Send + Sync>>,
) -> Result<(Journal, u64), StoreError> {
    let path = data_dir.join(name);
    let disk = FileDisk::open(&path).map_err(|source| StoreError::Directory {
        path: path.clone(),
        source,
    })?;
    let (journal, recovered) =
        Journal::open(Box::new(disk), Options::default(), read).map_err(|source| StoreError::Recovery {
            path: path.clone(),
            source,
        })?;
    if recovered.cut_bytes > 0 {
        tracing::warn!(path = %path.display(), bytes = recovered.cut_bytes, "cut a torn record off the journal's end");
    }
    Ok((journal, recovered.records))
}

/// A journal of records of money: of the ledger, or of leases.
pub(crate) struct LedgerJournal<R> {
    journal: Journal,
    encode: fn(&R, &mut Vec<u8>),
    buffer: Vec<u8>,
    ends: Vec<usize>,
    snapshot_bytes: u64,
    io: LogIo,
}

/// The thread that waits for the disk: one sync at a time.
struct LogIo {
    jobs: SyncSender<SyncJob>,
    done: Receiver<SyncDone>,
    is_busy: bool,
}

impl LogIo {
    fn start() -> std::io::Result<Self> {
        let (jobs, to_do) = sync_channel::<SyncJob>(1);
        let (report, done) = sync_channel(1);
        std::thread::Builder::new()
            .name("log-io".to_owned())
            .spawn(move || {
                while let Ok(job) = to_do.recv() {
                    if report.send(job.run()).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self {
            jobs,
            done,
            is_busy: false,
        })
    }
}

/// Reads the ledger that a node of an earlier release kept by itself below `data_dir/name`.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn read_ledger(data_dir: &Path, name: &str) -> Result<Ledger, StoreError> {
    let mut ledger = Ledger::new(Bounds::default());
    open(data_dir, name, |bytes| {
        let _ = ledger.apply(&Record::decode(bytes)?);
        Ok(())
    })?;
    Ok(ledger)
}

impl LedgerJournal<spender::Record> {
    /// Opens that of what the node has leased, with its records.
    pub(crate) fn open_leases(data_dir: &Path) -> Result<(Self, Vec<spender::Record>), StoreError> {
        let mut records = Vec::new();
        let (journal, _) = open(data_dir, "leases", |bytes| {
            records.push(spender::Record::decode(bytes)?);
            Ok(())
        })?;
        Ok((
            Self::over(journal, spender::Record::encode_into, data_dir)?,
            records,
        ))
    }
}

impl<R> LedgerJournal<R> {
    fn over(journal: Journal, encode: fn(&R, &mut Vec<u8>), data_dir: &Path) -> Result<Self, StoreError> {
        let io = LogIo::start().map_err(|source| StoreError::Directory {
            path: data_dir.to_owned(),
            source,
        })?;
        Ok(Self {
            journal,
            encode,
            buffer: Vec::new(),
            ends: Vec::new(),
            snapshot_bytes: 0,
            io,
        })
    }

    fn encode(&mut self, records: &[R]) {
        self.buffer.clear();
        self.ends.clear();
        for record in records {
            (self.encode)(record, &mut self.buffer);
            self.ends.push(self.buffer.len());
        }
    }

    /// The encoded records one by one.
    fn slices<'a>(buffer: &'a [u8], ends: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends).map(|(start, &end)| &buffer[start..end])
    }
}

fn failed(error: WriteError) -> LogFailed {
    match error {
        WriteError::Full => LogFailed::Full,
        other => LogFailed::Ended(other.to_string()),
    }
}

impl<R: Send> LedgerLog<R> for LedgerJournal<R> {
    fn append(&mut self, records: &[R]) -> Result<(), LogFailed> {
        self.encode(records);
        self.journal
            .append(Self::slices(&self.buffer, &self.ends))
            .map_err(failed)
    }

    fn keep_durable(&mut self) -> Result<(), LogFailed> {
        if let Ok(done) = self.io.done.try_recv() {
            self.io.is_busy = false;
            self.journal.end_sync(done).map_err(failed)?;
        }
        if !self.io.is_busy
            && let Some(job) = self.journal.begin_sync().map_err(failed)?
        {
            self.io.is_busy = self.io.jobs.try_send(job).is_ok();
        }
        Ok(())
    }

    fn wants_checkpoint(&self) -> bool {
        self.journal.len() > CHECKPOINT_BYTES.max(self.snapshot_bytes * 4)
    }

    fn checkpoint(&mut self, snapshot: &[R]) -> Result<(), LogFailed> {
        self.encode(snapshot);
        self.journal
            .checkpoint(Self::slices(&self.buffer, &self.ends))
            .map_err(failed)?;
        self.snapshot_bytes = self.journal.len();
        Ok(())
    }
}
