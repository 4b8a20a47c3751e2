//! A journal, and what its failures mean to whoever keeps records in it.

use atp_protocol::error::{Code, Fault};
use metrics::Counter;
use tracing::error;

/// Where records go. Implemented over `storage` in `node`.
pub trait LedgerLog<R>: Send {
    /// Writes records in order. When it returns they survive the end of the process.
    ///
    /// # Errors
    /// [`LogFailed`]; none of them is written.
    fn append(&mut self, records: &[R]) -> Result<(), LogFailed>;

    /// Keeps what was written durable against power loss, without waiting for the disk; called every few milliseconds.
    ///
    /// # Errors
    /// [`LogFailed`]; what was promised to be durable may not be.
    fn keep_durable(&mut self) -> Result<(), LogFailed>;

    /// Whether the journal has grown enough to be replaced by a snapshot.
    fn wants_checkpoint(&self) -> bool;

    /// Replaces everything written so far by `snapshot`.
    ///
    /// # Errors
    /// [`LogFailed`]; what was written before stands.
    fn checkpoint(&mut self, snapshot: &[R]) -> Result<(), LogFailed>;
}

/// The journal cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum LogFailed {
    /// The disk is full: it may be tried again.
    #[error("the disk of the ledger journal is full; free some space")]
    Full,
    /// Nothing may be promised any more.
    #[error("the ledger journal cannot be written: {0}")]
    Ended(String),
}

/// A journal that remembers how it fared.
pub(super) struct Kept<R> {
    log: Box<dyn LedgerLog<R>>,
    appends: Counter,
    has_failed: bool,
    /// The last attempt found the disk full.
    is_full: bool,
}

impl<R> Kept<R> {
    pub(super) fn new(log: Box<dyn LedgerLog<R>>, appends: Counter) -> Self {
        Self {
            log,
            appends,
            has_failed: false,
            is_full: false,
        }
    }

    /// Whether nothing may be promised any more.
    pub(super) const fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Whether the disk was full at the last attempt, and that is all.
    pub(super) const fn is_full(&self) -> bool {
        self.is_full && !self.has_failed
    }

    pub(super) fn append(&mut self, records: &[R]) -> Result<(), Fault> {
        if self.has_failed {
            return Err(unavailable());
        }
        self.log.append(records).map_err(|failure| self.fail(&failure))?;
        self.is_full = false;
        self.appends.increment(records.len() as u64);
        Ok(())
    }

    pub(super) fn keep_durable(&mut self) {
        if !self.has_failed
            && let Err(failure) = self.log.keep_durable()
        {
            // Told here; who asks next is told as well.
            let _ = self.fail(&failure);
        }
    }

    pub(super) fn wants_checkpoint(&self) -> bool {
        !self.has_failed && !self.is_full && self.log.wants_checkpoint()
    }

    pub(super) fn checkpoint(&mut self, snapshot: &[R]) -> Result<(), Fault> {
        let written = self.log.checkpoint(snapshot);
        written.map_err(|failure| self.fail(&failure))
    }

    /// What whoever asked is to be told.
    fn fail(&mut self, failure: &LogFailed) -> Fault {
        match failure {
            LogFailed::Full => {
                if !std::mem::replace(&mut self.is_full, true) {
                    error!(%failure, "no requests are accounted for until there is");
                }
                Fault::new(Code::Internal, failure.to_string())
            }
            LogFailed::Ended(_) => {
                error!(%failure, "no more requests are accounted for; the node must be restarted");
                self.has_failed = true;
                unavailable()
            }
        }
    }
}

fn unavailable() -> Fault {
    Fault::new(
        Code::Internal,
        "the ledger journal cannot be written; the operator must look at the node",
    )
    .terminal()
}
