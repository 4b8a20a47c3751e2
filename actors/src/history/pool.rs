//! Bytes that all histories of a node share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// So many bytes, and how many are in use. In use may be more: a history may always keep its floor.
pub struct Pool {
    used: AtomicUsize,
    max: usize,
    /// Changes when there is room again.
    freed: watch::Sender<()>,
}

impl Pool {
    /// Nothing in use of `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicUsize::new(0),
            max,
            freed: watch::Sender::new(()),
        })
    }

    pub(super) fn is_full(&self) -> bool {
        self.used.load(Ordering::Relaxed) >= self.max
    }

    pub(super) fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn give_back(&self, bytes: usize) {
        let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
        if before >= self.max && before - bytes < self.max {
            self.freed.send_replace(());
        }
    }

    pub(super) fn freed(&self) -> watch::Receiver<()> {
        self.freed.subscribe()
    }
}
