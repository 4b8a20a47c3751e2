//! Accepts connections and hands each to the arbiter that has fewest.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atp_actors::exec::Exec;
use tokio::sync::watch;
use tracing::{debug, warn};

use crate::environment::{Incoming, Listener};

/// Serves one connection on the arbiter it runs on. The guard is dropped when the connection has ended.
pub type Serve = Arc<dyn Fn(usize, Incoming, SocketAddr, ConnectionGuard) + Send + Sync>;

/// Told `true` when no more connections are wanted.
pub type Stop = watch::Receiver<bool>;

/// Counts a connection as long as it lives.
pub struct ConnectionGuard {
    load: Arc<AtomicUsize>,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The accept loop of one listener.
pub struct Acceptor {
    /// Where connections come from.
    pub listener: Box<dyn Listener>,
    /// Arbiters to spread them over.
    pub exec: Exec,
    /// Connections at once, all arbiters together; beyond, new ones are closed unanswered.
    pub max_connections: usize,
    /// What to do with a connection.
    pub serve: Serve,
}

impl Acceptor {
    /// Accepts until told to stop.
    pub async fn run(mut self, mut stop: Stop) {
        let loads: Vec<_> = (0..self.exec.len())
            .map(|_| Arc::new(AtomicUsize::new(0)))
            .collect();
        loop {
            let accepted = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((incoming, peer)) => self.hand_over(&loads, incoming, peer).await,
                Err(error) => {
                    // Out of descriptors, most likely: a short pause lets connections end instead of spinning.
                    warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    async fn hand_over(&self, loads: &[Arc<AtomicUsize>], incoming: Incoming, peer: SocketAddr) {
        let counts = loads.iter().map(|load| load.load(Ordering::Relaxed));
        if counts.clone().sum::<usize>() >= self.max_connections {
            debug!(%peer, "connection limit reached; closed unanswered");
            return;
        }
        let Some((shard, _)) = counts.enumerate().min_by_key(|&(_, count)| count) else {
            return;
        };
        loads[shard].fetch_add(1, Ordering::Relaxed);
        let guard = ConnectionGuard {
            load: Arc::clone(&loads[shard]),
        };
        let serve = Arc::clone(&self.serve);
        // An ended arbiter means the node is stopping; the connection closes with the closure.
        let _ = self
            .exec
            .run(shard, move || serve(shard, incoming, peer, guard))
            .await;
    }
}
