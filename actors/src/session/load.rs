//! What a node is busy with, over all arbiters.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::metrics::{Held, Meter};

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

    pub(super) fn enter(self: &Arc<Self>, meter: &Meter) -> Running {
        self.streams.fetch_add(1, Ordering::Relaxed);
        Running {
            load: Arc::clone(self),
            _counted: Held::by(&meter.requests.streams),
        }
    }
}

/// One stream, counted until dropped.
pub(super) struct Running {
    load: Arc<Load>,
    _counted: Held,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.load.streams.fetch_sub(1, Ordering::Relaxed);
    }
}
