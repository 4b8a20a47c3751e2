//! Accepts connections and hands each to the arbiter that has fewest.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tracing::{debug, warn};

use crate::environment::{Incoming, Listener};

/// How long it takes at most to be told of somebody who has connected.
const SHORT: Duration = Duration::from_millis(5);

/// Connections that are taken at the end: as many as systems let wait.
const BACKLOG_MAX: usize = 4_096;

/// A connection on its way to an arbiter.
pub struct Connection {
    /// Opens the socket on the arbiter's runtime.
    pub incoming: Incoming,
    /// Who connected.
    pub peer: SocketAddr,
    /// Counts the connection until dropped.
    pub guard: ConnectionGuard,
}

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
    /// One queue per arbiter. A full queue pauses accepting; the system's backlog holds the rest.
    pub arbiters: Vec<mpsc::Sender<Connection>>,
    /// Connections at once, all arbiters together; beyond, new ones are closed unanswered.
    pub max_connections: usize,
}

impl Acceptor {
    /// Accepts until told to stop; whoever has connected by then is still taken.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let loads: Vec<_> = self
            .arbiters
            .iter()
            .map(|_| Arc::new(AtomicUsize::new(0)))
            .collect();
        loop {
            let accepted = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return self.last(&loads).await,
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

    /// Takes who waits, so that closing the listener resets nobody.
    async fn last(mut self, loads: &[Arc<AtomicUsize>]) {
        for _ in 0..BACKLOG_MAX {
            match tokio::time::timeout(SHORT, self.listener.accept()).await {
                Ok(Ok((incoming, peer))) => self.hand_over(loads, incoming, peer).await,
                Ok(Err(_)) | Err(_) => return,
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
        // An ended arbiter means the node is stopping: the connection closes here.
        let _ = self.arbiters[shard]
            .send(Connection {
                incoming,
                peer,
                guard,
            })
            .await;
    }
}
