//! What a node is busy with, over all arbiters.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use crate::metrics::{Held, Meter};

/// Streams running, and whether they may go on.
#[derive(Debug, Default)]
pub struct Load {
    streams: AtomicUsize,
    is_cut: watch::Sender<bool>,
}

impl Load {
    /// Streams running.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    /// Ends every stream, for good: each is told `EDRAINING` and settled by what it used.
    pub fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// Resolves when streams may not go on.
    pub(super) fn is_cut(&self) -> impl Future<Output = ()> + 'static {
        let mut is_cut = self.is_cut.subscribe();
        async move {
            if is_cut.wait_for(|is_cut| *is_cut).await.is_err() {
                // Nobody is left to say so.
                std::future::pending().await
            }
        }
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
