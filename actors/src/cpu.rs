//! The seam through which work that would hold up an arbiter (over about 2 ms) leaves it.

/// Runs computations away from the arbiters.
pub trait Cpu: Send + Sync {
    /// Runs `job` as soon as there is room; never blocks the caller.
    ///
    /// A job reports through a channel it owns. When the queue is full the job is dropped unrun, so that its waiter sees
    /// the channel close and answers `EWINDOW_AGENT`.
    fn run(&self, job: Box<dyn FnOnce() + Send>);
}

/// Runs each job where it is handed in: simulation and tests, where one thread is the point.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inline;

impl Cpu for Inline {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        job();
    }
}
