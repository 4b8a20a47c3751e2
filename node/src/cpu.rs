//! Threads for work that would hold up an arbiter.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use atp_actors::cpu::Cpu;

type Job = Box<dyn FnOnce() + Send>;

/// Jobs waiting; beyond, a job is dropped and its waiter told.
const QUEUE_MAX: usize = 256;

/// A few threads and a bounded queue. The threads end when this is dropped.
pub struct CpuPool(SyncSender<Job>);

impl CpuPool {
    /// Starts `threads` threads.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(threads: usize) -> io::Result<Self> {
        let (sender, jobs) = sync_channel::<Job>(QUEUE_MAX);
        let jobs = Arc::new(Mutex::new(jobs));
        for index in 0..threads.max(1) {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new()
                .name(format!("cpu-{index}"))
                .spawn(move || work(&jobs))?;
        }
        Ok(Self(sender))
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting, so that exactly one thread waits in the queue.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            // A panic is the job's own: its waiter sees the channel close, the thread goes on.
            Ok(job) => drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(job))),
            Err(_) => return,
        }
    }
}

impl Cpu for CpuPool {
    fn run(&self, job: Job) {
        // A full queue drops the job, as the seam says.
        let _ = self.0.try_send(job);
    }
}
