//! What a node is busy with, over all arbiters.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Streams running.
#[derive(Debug, Default)]
pub struct Load {
    streams: AtomicUsize,
}

impl Load {
    /// Streams running.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    pub(super) fn enter(self: &Arc<Self>) -> Running {
        self.streams.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(self))
    }
}

/// One stream, counted until dropped.
#[derive(Debug)]
pub(super) struct Running(Arc<Load>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}
