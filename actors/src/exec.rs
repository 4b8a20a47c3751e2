//! Where actors run: on the calling thread (simulation), or spread over arbiters (production). The code is the same.

use actix::{Actor, Addr, Context};
use tokio::sync::{mpsc, oneshot};

/// Work for another arbiter.
pub type Job = Box<dyn FnOnce() + Send>;

/// The arbiters of a node.
#[derive(Clone)]
pub enum Exec {
    /// One thread for everything: jobs run at once, in the caller.
    Local,
    /// One queue of jobs per arbiter. Jobs start actors and are few; a full queue makes the caller wait.
    Arbiters(Vec<mpsc::Sender<Job>>),
}

/// The arbiter has ended; the node is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the arbiter has ended; the node is stopping")]
pub struct Ended;

/// The arbiter of a key among `arbiters`, at least 1.
#[must_use]
pub fn shard_of(key: &str, arbiters: usize) -> usize {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from(hash % arbiters.max(1) as u64).expect("a remainder of a usize is a usize")
}

impl Exec {
    /// How many arbiters there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Local => 1,
            Self::Arbiters(all) => all.len(),
        }
    }

    /// Never: there is always an arbiter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The arbiter of a key: the same on every run with the same number of arbiters.
    #[must_use]
    pub fn shard(&self, key: &str) -> usize {
        shard_of(key, self.len())
    }

    /// Runs `make` on arbiter `shard` and returns what it made.
    ///
    /// # Errors
    /// [`Ended`] when the arbiter no longer takes jobs.
    pub async fn run<T: Send + 'static>(
        &self,
        shard: usize,
        make: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Ended> {
        match self {
            Self::Local => Ok(make()),
            Self::Arbiters(all) => {
                let (reply, made) = oneshot::channel();
                let job: Job = Box::new(move || {
                    // A caller that gave up needs no answer.
                    let _ = reply.send(make());
                });
                all[shard % all.len()].send(job).await.map_err(|_| Ended)?;
                made.await.map_err(|_| Ended)
            }
        }
    }

    /// Starts an actor on arbiter `shard`.
    ///
    /// # Errors
    /// [`Ended`] when the arbiter no longer takes jobs.
    pub async fn start<A>(
        &self,
        shard: usize,
        make: impl FnOnce() -> A + Send + 'static,
    ) -> Result<Addr<A>, Ended>
    where
        A: Actor<Context = Context<A>>,
    {
        self.run(shard, move || make().start()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_shard() {
        let (sender, _jobs) = mpsc::channel(1);
        let exec = Exec::Arbiters(vec![sender; 4]);
        assert_eq!(exec.shard("tenant-a"), exec.shard("tenant-a"));
        assert!((0..64).any(|n| exec.shard(&format!("t{n}")) != exec.shard("t0")));
        assert_eq!(Exec::Local.shard("tenant-a"), 0);
    }
}
