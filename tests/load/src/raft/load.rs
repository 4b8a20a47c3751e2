//! Writes at a number of clients, and the time without a leader.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use super::system::{Client, Cluster};
use crate::clock;
use crate::latency::Latencies;

/// Before a load is counted.
const WARMUP: Duration = Duration::from_secs(1);
/// Between two probes while there is no leader.
const PROBE_PERIOD: Duration = Duration::from_millis(10);
/// A cluster that has no leader by then does not get one.
const ELECTION_LIMIT: Duration = Duration::from_secs(60);

/// What came of one load.
#[derive(Debug)]
pub(super) struct Writes {
    pub(super) latencies: Latencies,
    pub(super) errors: u64,
    pub(super) elapsed: Duration,
}

/// Closed loop: each of `count` clients writes through one member after the other, as a client that balances does.
pub(super) async fn writes(cluster: &Cluster, count: usize, seconds: f64) -> Result<Writes> {
    let recorded = Rc::new(RefCell::new((Latencies::default(), 0)));
    let start = clock::now() + WARMUP;
    let end = start + Duration::from_secs_f64(seconds);
    let members = cluster.members.len();
    let work = |(id, mut client): (usize, Client)| {
        let recorded = Rc::clone(&recorded);
        async move {
            for n in 1_u64.. {
                let member = (id + usize::try_from(n).unwrap_or(0)) % members;
                let sent = clock::now();
                if sent >= end {
                    break;
                }
                let outcome = client.write(member, n).await;
                let answered = clock::now();
                let mut recorded = recorded.borrow_mut();
                match outcome {
                    _ if answered < start || answered > end => {}
                    Ok(()) => recorded.0.record(answered - sent),
                    Err(_) => recorded.1 += 1,
                }
            }
        }
    };
    join_all(cluster.clients(count)?.into_iter().enumerate().map(work)).await;
    let recorded = recorded.borrow();
    Ok(Writes {
        latencies: recorded.0.clone(),
        errors: recorded.1,
        elapsed: end - start,
    })
}

/// Kills the leader; how long until a write that was sent after the kill is committed by the others.
///
/// A probe goes to the others in turn every 10 ms and none waits for those before it: what is found is when the
/// cluster takes writes again, not how long some client is patient with a member that waits for its lost leader.
pub(super) async fn failover(cluster: &mut Cluster) -> Result<Duration> {
    let leader = cluster.leader().await?;
    let others: Vec<usize> = (0..cluster.members.len())
        .filter(|index| *index != leader)
        .collect();
    let mut probes = JoinSet::new();
    let mut tick = interval(PROBE_PERIOD);
    let start = clock::now();
    cluster.members[leader].kill()?;
    let committed = async {
        for n in 1_u64.. {
            tokio::select! {
                biased;
                Some(Ok(Ok(()))) = probes.join_next() => break,
                _ = tick.tick() => {
                    let member = others[usize::try_from(n).unwrap_or(0) % others.len()];
                    let mut client = cluster.clients(1)?.remove(0);
                    probes.spawn_local(async move { client.probe(member, n).await });
                }
            }
        }
        Ok(clock::now() - start)
    };
    let elapsed = timeout(ELECTION_LIMIT, committed)
        .await
        .context("no write was committed after the leader was killed")?;
    probes.abort_all();
    cluster.heal().await?;
    elapsed
}
