//! Work that takes its time.

use tokio::sync::oneshot;

/// Carries out work that takes its time, away from the threads that serve groups.
pub trait Blocking: Send + Sync {
    /// Queues the work and returns at once. In tests and simulation the caller may carry it out. Work that is dropped ends whoever
    /// waits for it with an error.
    fn run(&self, work: Box<dyn FnOnce() + Send>);
}

/// The work was dropped: the node ends.
#[derive(Debug, thiserror::Error)]
#[error("the work was dropped")]
pub(crate) struct Dropped;

/// Carries out work elsewhere and waits for it.
pub(crate) async fn block<T: Send + 'static>(
    blocking: &dyn Blocking,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Dropped> {
    let (done, result) = oneshot::channel();
    blocking.run(Box::new(move || {
        // Nobody waits when the group was stopped meanwhile.
        let _ = done.send(work());
    }));
    result.await.map_err(|_| Dropped)
}
