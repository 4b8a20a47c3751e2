//! Appends to the chain, begins files and removes old ones.

use std::io;

use super::recovery::{self, failed};
use super::{Head, Header, Line, OpenError, WriteError, name};
use crate::disk::{Disk, DiskFile};

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Size in bytes past which a file is followed by another. What is appended at once is never split.
    pub file_bytes: u64,
    /// Files kept, the one that is written included; at least 1.
    pub files_max: usize,
}

/// What was found on opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Where the chain goes on.
    pub head: Head,
    /// Torn bytes that were cut off the end; more than none after a power failure or a full disk.
    pub cut_bytes: u64,
}

/// An open log. The directory belongs to it alone.
pub struct AuditLog {
    disk: Box<dyn Disk>,
    options: Options,
    /// The file that is written.
    file: Option<Box<dyn DiskFile>>,
    len: u64,
    /// Numbers of the first lines of the files, oldest first.
    files: Vec<u64>,
    head: Head,
    /// Number of the last durable line.
    synced: u64,
    has_failed: bool,
    /// Kept for its capacity.
    buffer: String,
}

impl AuditLog {
    /// Opens the log of a directory; an empty directory is an empty log.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(disk: Box<dyn Disk>, options: Options) -> Result<(Self, Opened), OpenError> {
        let found = recovery::run(disk.as_ref())?;
        let mut log = Self {
            disk,
            options,
            file: None,
            len: 0,
            files: found.files,
            head: Head::default(),
            synced: 0,
            has_failed: false,
            buffer: String::new(),
        };
        if let Some((first, whole)) = found.last {
            let name = name(first);
            let mut file = log.disk.open(&name).map_err(failed("open", &name))?;
            log.len = whole.len as u64;
            file.truncate(log.len).map_err(failed("truncate", &name))?;
            file.sync().map_err(failed("sync", &name))?;
            log.file = Some(file);
            log.head = whole.report.head;
        }
        log.disk.sync_names().map_err(failed("sync", "."))?;
        log.synced = log.head.seq;
        let opened = Opened {
            head: log.head,
            cut_bytes: found.cut_bytes,
        };
        Ok((log, opened))
    }

    /// Where the chain stands.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// Appends records in one write, all or none: JSON objects, each without line breaks. They survive the process when this
    /// returns, and a power failure after the next [`Self::sync`].
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn append<'a>(&mut self, records: impl IntoIterator<Item = &'a str>) -> Result<(), WriteError> {
        if self.has_failed {
            return Err(WriteError::Ended);
        }
        if self.file.is_none() || self.len >= self.options.file_bytes {
            self.begin()?;
        }
        let file = self.file.as_mut().expect("one was begun");
        let mut head = self.head;
        self.buffer.clear();
        for record in records {
            head = Line::push(&mut self.buffer, head, self.synced, record);
        }
        if let Err(source) = file.append(self.buffer.as_bytes()) {
            // what was written of it would stand between the lines
            self.has_failed = file.truncate(self.len).is_err();
            return Err(refused("append to", self.has_failed, source));
        }
        self.len += self.buffer.len() as u64;
        self.head = head;
        Ok(())
    }

    /// Makes everything appended survive a power failure.
    ///
    /// # Errors
    /// [`WriteError::Ended`].
    pub fn sync(&mut self) -> Result<(), WriteError> {
        if self.has_failed {
            return Err(WriteError::Ended);
        }
        if let Some(file) = &mut self.file
            && self.synced < self.head.seq
        {
            self.has_failed = file.sync().is_err();
            if self.has_failed {
                return Err(WriteError::Ended);
            }
            self.synced = self.head.seq;
        }
        Ok(())
    }

    /// Begins a file, and removes those for which there is no more room.
    fn begin(&mut self) -> Result<(), WriteError> {
        self.sync()?;
        let first = self.head.seq + 1;
        self.files.push(first);
        let surplus = self.files.len().saturating_sub(self.options.files_max.max(1));
        let header = Header {
            oldest: self.files[surplus],
        };
        let mut text = String::new();
        let head = Line::push(&mut text, self.head, self.synced, &header.record());
        match create(self.disk.as_ref(), &name(first), text.as_bytes()) {
            Ok(file) => self.file = Some(file),
            Err(source) => {
                self.files.pop();
                // what is left of it is in the way of the next try, which then says so
                let _ = self.disk.remove(&name(first));
                return Err(refused("begin a file of", false, source));
            }
        }
        (self.head, self.synced, self.len) = (head, head.seq, text.len() as u64);
        self.remove_oldest(surplus);
        Ok(())
    }

    /// Removes the oldest `surplus` files. One that cannot be removed stays with all that follow it until the next file is
    /// begun, because a gap between files is what somebody else would leave.
    fn remove_oldest(&mut self, surplus: usize) {
        let is_gone = |old: &&u64| match self.disk.remove(&name(**old)) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        let gone = self.files[..surplus].iter().take_while(is_gone).count();
        self.files.drain(..gone);
    }
}

fn create(disk: &dyn Disk, name: &str, header: &[u8]) -> io::Result<Box<dyn DiskFile>> {
    let mut file = disk.create(name)?;
    file.append(header)?;
    file.sync()?;
    disk.sync_names()?;
    Ok(file)
}

fn refused(doing: &'static str, has_failed: bool, source: io::Error) -> WriteError {
    match has_failed {
        true => WriteError::Ended,
        false => WriteError::Refused { doing, source },
    }
}
