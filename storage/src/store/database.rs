//! The redb file: made under another name, opened, opened again after the disk was full.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use redb::{Database, ReadableDatabase, TableDefinition};

use super::OpenError;
use super::backend::{Backend, Failures};
use crate::disk::{BlockFile, Disk};

/// The name of the file.
pub const NAME: &str = "store";

/// The file's name until it is whole.
const UNFINISHED: &str = "store.tmp";

/// The format written, and the latest one read.
pub const FORMAT: u64 = 1;

const FORMATS: TableDefinition<'_, &str, u64> = TableDefinition::new("atp.format");
pub(super) const LOGS: TableDefinition<'_, (u16, u64), &[u8]> = TableDefinition::new("atp.logs");
pub(super) const ROWS: TableDefinition<'_, (u16, &[u8]), &[u8]> = TableDefinition::new("atp.rows");

/// How a store is used.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Memory for pages, in bytes.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 16 * 1024 * 1024,
        }
    }
}

/// The database that readers and the writer share.
pub(super) struct Shared {
    /// Keeps other processes out as long as the file is in use.
    _disk: Arc<dyn Disk>,
    file: Arc<dyn BlockFile>,
    options: Options,
    /// `None` once it could not be opened again.
    open: RwLock<Option<Open>>,
}

/// The open database; `None` only while it is closed.
struct Open {
    database: Option<Database>,
    failures: Arc<Failures>,
}

impl Open {
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, redb::Error> {
        match &self.database {
            Some(database) => guard(|| work(database)),
            None => Err(redb::Error::DatabaseClosed),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let database = self.database.take();
        // closing writes what makes the next start quick; a start does without it
        let _ = guard(|| {
            drop(database);
            Ok(())
        });
    }
}

impl Shared {
    pub(super) fn open(disk: Arc<dyn Disk>, options: Options) -> Result<Self, OpenError> {
        let disk_error = |doing, file| move |source| OpenError::Disk { doing, file, source };
        let names = disk.list().map_err(disk_error("list", "."))?;
        if !names.iter().any(|name| name == NAME) {
            create(&*disk)?;
        }
        let file: Arc<dyn BlockFile> = disk.open_block(NAME).map_err(disk_error("open", NAME))?.into();
        let open = open(&file, options).map_err(|error| opening(error, NAME))?;
        check_format(&open)?;
        Ok(Self {
            _disk: disk,
            file,
            options,
            open: RwLock::new(Some(open)),
        })
    }

    /// Runs `work` on the database; nobody opens it again meanwhile.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, redb::Error> {
        match &*self.read() {
            Some(open) => open.with(work),
            None => Err(redb::Error::DatabaseClosed),
        }
    }

    /// The last failure was a full disk and nothing else.
    pub(super) fn only_full(&self) -> bool {
        self.read().as_ref().is_some_and(|open| open.failures.only_full())
    }

    /// Opens the database again, as redb takes nothing more after a failed write. It is as after the end of the process: what
    /// was committed is there, and nothing else.
    pub(super) fn reopen(&self) -> Result<(), redb::Error> {
        let mut slot = self.open.write().unwrap_or_else(PoisonError::into_inner);
        // closed first: two at once would write over each other
        drop(slot.take());
        *slot = Some(open(&self.file, self.options)?);
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, Option<Open>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(file: &Arc<dyn BlockFile>, options: Options) -> Result<Open, redb::Error> {
    let failures = Arc::new(Failures::default());
    let backend = Backend {
        file: Arc::clone(file),
        failures: Arc::clone(&failures),
    };
    let database = guard(|| {
        let mut builder = Database::builder();
        builder.set_cache_size(options.cache_bytes);
        Ok(builder.create_with_backend(backend)?)
    })?;
    Ok(Open {
        database: Some(database),
        failures,
    })
}

/// Makes the file whole under another name first: one that has its name can be opened.
fn create(disk: &dyn Disk) -> Result<(), OpenError> {
    let disk_error = |doing, file| move |source| OpenError::Disk { doing, file, source };
    match disk.remove(UNFINISHED) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(disk_error("remove", UNFINISHED)(error));
        }
        _ => {}
    }
    let file = disk
        .open_block(UNFINISHED)
        .map_err(disk_error("create", UNFINISHED))?;
    let made = open(&file.into(), Options::default())
        .and_then(|open| open.with(|database| write_format(database, FORMAT)));
    made.map_err(|error| opening(error, UNFINISHED))?;
    disk.rename(UNFINISHED, NAME)
        .map_err(disk_error("rename", UNFINISHED))?;
    disk.sync_names().map_err(disk_error("sync", "."))
}

pub(super) fn write_format(database: &Database, format: u64) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(FORMATS)?.insert("store", format)?;
    transaction.open_table(LOGS)?;
    transaction.open_table(ROWS)?;
    Ok(transaction.commit()?)
}

fn check_format(open: &Open) -> Result<(), OpenError> {
    let found = open.with(|database| {
        let formats = database.begin_read()?.open_table(FORMATS)?;
        Ok(formats.get("store")?.map(|found| found.value()))
    });
    match found.map_err(|error| opening(error, NAME))? {
        Some(found) if found > FORMAT => Err(OpenError::Format {
            file: NAME,
            found,
            known: FORMAT,
        }),
        Some(FORMAT) => Ok(()),
        Some(_) | None => Err(OpenError::Corrupt {
            file: NAME,
            what: "it does not say its format".to_owned(),
        }),
    }
}

fn opening(error: redb::Error, file: &'static str) -> OpenError {
    match error {
        redb::Error::Io(source) if !is_content(source.kind()) => OpenError::Disk {
            doing: "open",
            file,
            source,
        },
        error => OpenError::Corrupt {
            file,
            what: error.to_string(),
        },
    }
}

/// The file was read, and is not what it should be.
const fn is_content(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

/// redb trusts the pages of a file that was closed in order, and panics where damaged ones contradict each other.
fn guard<T>(work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(redb::Error::Corrupted(
            "its pages contradict each other".to_owned(),
        ))
    })
}
