//! What a node is busy with, over all arbiters.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use tokio::sync::watch;

use crate::metrics::{Held, Meter};

/// Streams running, what is carried for other nodes' sake, and whether streams may go on.
#[derive(Debug, Default)]
pub struct Load {
    streams: AtomicUsize,
    passing: AtomicUsize,
    was_cut: AtomicBool,
    cut: watch::Sender<()>,
}

impl Load {
    /// Streams running.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    /// Whether nothing runs, and nothing is on its way through.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.streams() == 0 && self.passing.load(Ordering::Relaxed) == 0
    }

    /// Something between a client here and another node is on its way until this is dropped.
    #[must_use]
    pub fn pass(self: &Arc<Self>) -> Passing {
        self.passing.fetch_add(1, Ordering::Relaxed);
        Passing(Arc::clone(self))
    }

    /// Ends every stream, for good: each is told `EDRAINING` and settled by what it used.
    pub fn cut(&self) {
        self.was_cut.store(true, Ordering::Release);
        self.cut.send_replace(());
    }

    /// Resolves when streams may not go on.
    ///
    /// Is so at once for whoever asks after a stream saw it, though those who wait are woken one after the other: what a stream
    /// that was cut leaves to another, such as its slot, is taken by nobody.
    pub(super) fn is_cut(self: &Arc<Self>) -> impl Future<Output = ()> + 'static {
        let (load, mut cut) = (Arc::clone(self), self.cut.subscribe());
        let mut told = Box::pin(async move { while cut.changed().await.is_ok() {} });
        poll_fn(move |context| {
            // Polled for being woken; that it ends means nothing, as the sender lives in `load`.
            let _ = told.as_mut().poll(context);
            match load.was_cut.load(Ordering::Acquire) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
    }

    pub(super) fn enter(self: &Arc<Self>, meter: &Meter) -> Running {
        self.streams.fetch_add(1, Ordering::Relaxed);
        Running {
            load: Arc::clone(self),
            _counted: Held::by(&meter.requests.streams),
        }
    }
}

/// See [`Load::pass`].
pub struct Passing(Arc<Load>);

impl Drop for Passing {
    fn drop(&mut self) {
        self.0.passing.fetch_sub(1, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn who_was_not_woken_yet_knows_of_a_cut_when_it_asks() {
        let load = Arc::new(Load::default());
        let mut is_cut = Box::pin(load.is_cut());
        assert_eq!(is_cut.as_mut().now_or_never(), None);
        load.was_cut.store(true, Ordering::Release);
        assert_eq!(is_cut.as_mut().now_or_never(), Some(()));
    }

    #[tokio::test]
    async fn a_cut_wakes_who_waits() {
        let load = Arc::new(Load::default());
        let (one, other) = (load.is_cut(), load.is_cut());
        let cutting = async { load.cut() };
        futures_util::join!(one, other, cutting);
    }
}
