//! What waits to be committed.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use atp_consensus::log_io::Done;
use atp_storage::store::{Change, WriteError};

use super::QUEUE_BYTES;

/// Changes that become durable together, and whom to tell.
pub(super) struct Submission {
    pub(super) changes: Vec<Change>,
    pub(super) done: Done,
    bytes: usize,
}

impl Submission {
    pub(super) fn new(changes: Vec<Change>, done: Done) -> Self {
        let bytes = changes.iter().map(Change::size).sum();
        Self { changes, done, bytes }
    }
}

#[derive(Default)]
struct Waiting {
    submissions: VecDeque<Submission>,
    bytes: usize,
    /// Why nothing more is taken.
    closed: Option<String>,
}

#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

impl fmt::Debug for Queue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.waiting();
        out.debug_struct("Queue")
            .field("submissions", &waiting.submissions.len())
            .field("bytes", &waiting.bytes)
            .field("closed", &waiting.closed)
            .finish_non_exhaustive()
    }
}

impl Queue {
    /// Takes a submission, or gives back whom to tell that it was not taken.
    pub(super) fn push(&self, submission: Submission) -> Result<(), (WriteError, Done)> {
        let mut waiting = self.waiting();
        if let Some(what) = &waiting.closed {
            let what = what.clone();
            return Err((WriteError::Ended { what }, submission.done));
        }
        // one is taken however large it is: the writer has a bound of its own
        if waiting.bytes > 0 && waiting.bytes + submission.bytes > QUEUE_BYTES {
            return Err((WriteError::Full, submission.done));
        }
        waiting.bytes += submission.bytes;
        waiting.submissions.push_back(submission);
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for submissions and takes them in order, up to `max_bytes` but at least one; `None` when nothing waits and nothing
    /// more is taken.
    pub(super) fn next_batch(&self, max_bytes: usize) -> Option<Vec<Submission>> {
        let is_idle = |waiting: &mut Waiting| waiting.submissions.is_empty() && waiting.closed.is_none();
        let waited = self.changed.wait_while(self.waiting(), is_idle);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner);
        let mut batch = Vec::new();
        let mut bytes: usize = 0;
        while let Some(next) = waiting
            .submissions
            .pop_front_if(|next| bytes == 0 || bytes.saturating_add(next.bytes) <= max_bytes)
        {
            bytes = bytes.saturating_add(next.bytes);
            batch.push(next);
        }
        waiting.bytes -= bytes;
        (!batch.is_empty()).then_some(batch)
    }

    /// Takes nothing more. Returns why, which stays the first reason that was given.
    pub(super) fn close(&self, what: String) -> String {
        let why = self.waiting().closed.get_or_insert(what).clone();
        self.changed.notify_one();
        why
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // nothing that can panic happens while it is held
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
