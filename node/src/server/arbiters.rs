//! One thread with its own runtime per core.

use std::io;
use std::thread::JoinHandle;

use atp_actors::exec::{Exec, Job};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

/// Jobs waiting for an arbiter. Jobs start actors and hand over connections; a full queue makes the sender wait.
const JOBS_MAX: usize = 1_024;

/// The threads of a node.
pub struct Arbiters {
    threads: Vec<JoinHandle<()>>,
    stops: Vec<oneshot::Sender<()>>,
}

impl Arbiters {
    /// Starts `count` threads, called `name` and their number.
    ///
    /// # Errors
    /// When the system refuses a thread or a runtime.
    pub fn start(name: &str, count: usize) -> io::Result<(Self, Exec)> {
        let mut threads = Vec::with_capacity(count);
        let mut senders = Vec::with_capacity(count);
        let mut stops = Vec::with_capacity(count);
        for index in 0..count {
            let (sender, jobs) = mpsc::channel(JOBS_MAX);
            let (stop, stopped) = oneshot::channel();
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let thread = std::thread::Builder::new()
                .name(format!("{name}-{index}"))
                .spawn(move || {
                    LocalSet::new().block_on(&runtime, work(jobs, stopped));
                    // What is still running was asked to stop before; its sockets close with the runtime.
                    runtime.shutdown_background();
                })?;
            threads.push(thread);
            senders.push(sender);
            stops.push(stop);
        }
        Ok((Self { threads, stops }, Exec::Arbiters(senders)))
    }

    /// Ends all threads and waits for them. What still runs on them is dropped.
    pub fn stop(self) {
        for stop in self.stops {
            // A thread that ended already needs no telling.
            let _ = stop.send(());
        }
        for thread in self.threads {
            // A panic outside a task was reported by the panic hook when it happened.
            let _ = thread.join();
        }
    }
}

async fn work(mut jobs: mpsc::Receiver<Job>, mut stopped: oneshot::Receiver<()>) {
    loop {
        let job = tokio::select! {
            biased;
            _ = &mut stopped => return,
            job = jobs.recv() => job,
        };
        match job {
            Some(job) => job(),
            None => return,
        }
    }
}
