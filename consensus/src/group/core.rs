//! What a group is without its machine's type.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use openraft::AsyncRuntime;
use openraft::error::Fatal;
use tokio::sync::watch;

use super::proposer::Proposer;
use super::queue::Queue;
use super::status::{self, StatusWatch};
use super::{OpenError, ReadError};
use crate::config::{Environment, Options};
use crate::log_store::{Log, Withheld};
use crate::rpc::{Links, Network};
use crate::runtime::{self, Runtime};
use crate::state::{AnyHost, Receiver, Snapshots, StateMachine};
use crate::types::{Metrics, Raft, raft_id};
use crate::version::Gate;

/// How long a snapshot is waited for before it is asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// A group on this node.
pub(crate) struct Core {
    pub(crate) raft: Raft,
    pub(crate) links: Links,
    pub(crate) log: Log,
    pub(crate) receiver: Receiver,
    pub(super) gate: Gate,
    pub(super) queue: Queue,
    pub(super) metrics: watch::Receiver<Metrics>,
    pub(super) applied: watch::Receiver<u64>,
    /// While true nothing is proposed.
    pub(super) held: watch::Sender<bool>,
}

impl Core {
    /// Opens a group where it was left. A group that was never opened waits to be initialised, or for a leader.
    pub(crate) async fn open(
        environment: &Environment,
        options: &Options,
        links: Links,
        host: AnyHost,
        gate: Gate,
    ) -> Result<Self, OpenError> {
        let group = links.group;
        let unreadable = |error: &dyn std::fmt::Display| OpenError::Unreadable {
            group,
            why: error.to_string(),
        };
        let log = Log::open(
            group,
            environment.node,
            environment.store.clone(),
            Arc::clone(&environment.log_io),
        )
        .map_err(|error| unreadable(&error))?;
        let snapshots = Snapshots::open(group, environment.snapshots.clone(), gate.clone())
            .map_err(|error| unreadable(&error))?;
        let snapshots = Arc::new(snapshots);
        let metrics = Arc::new(OnceLock::new());
        let machine = StateMachine::open(
            Arc::clone(&host),
            log.clone(),
            Arc::clone(&snapshots),
            Arc::clone(&environment.blocking),
            Arc::clone(&metrics),
        )
        .map_err(|error| unreadable(&error))?;
        if log.purged() > machine.index() {
            let why = format!(
                "its log begins after {}, and its last snapshot ends at {}; remove this number from the cluster and add the machine under the next one (docs/operators.md)",
                log.purged(),
                machine.index()
            );
            return Err(unreadable(&why));
        }
        let raft = Raft::new(
            raft_id(environment.node),
            Arc::new(options.raft()?),
            Network {
                links: links.clone(),
                log: log.clone(),
            },
            log.clone(),
            machine,
        )
        .await
        .map_err(|error| unreadable(&error))?;
        stand_if_alone(&raft).await.map_err(|error| unreadable(&error))?;
        let held = watch::Sender::new(false);
        let (queue, proposer) = Proposer::new(
            raft.clone(),
            Arc::clone(&environment.clock),
            options,
            held.subscribe(),
        );
        Runtime::spawn(proposer.run());
        Runtime::spawn(announce(raft.clone(), log.withheld()));
        let watch = raft.metrics();
        // Set once, here.
        let _ = metrics.set(watch.clone());
        Ok(Self {
            links,
            gate,
            log,
            receiver: Receiver::new(snapshots, Arc::clone(&environment.blocking)),
            queue,
            metrics: watch,
            applied: host.watch(),
            held,
            raft,
        })
    }

    pub(crate) fn watch(&self) -> StatusWatch {
        StatusWatch::new(self.links.group, self.metrics.clone())
    }

    /// Why the group stopped, if it did.
    pub(super) fn stopped(&self) -> Option<String> {
        let metrics = self.metrics.borrow();
        match &metrics.running_state {
            Ok(()) => None,
            Err(_) => Some(status::fault(&metrics).unwrap_or_else(|| "it was stopped".to_owned())),
        }
    }

    pub(super) async fn snapshot(&self, within: Duration) -> Result<u64, ReadError> {
        let applied = *self.applied.borrow();
        let stopped = || ReadError::Stopped(self.stopped().unwrap_or_else(|| "it was stopped".to_owned()));
        let until = runtime::deadline(within);
        let mut watch = self.watch();
        loop {
            // Not heard while an earlier one is being written: then it is asked for again.
            self.raft.trigger().snapshot().await.map_err(|_| stopped())?;
            let left = runtime::left(until);
            let taken =
                watch.wait_for(|status| status.snapshot >= applied || status.role == super::Role::Stopped);
            match Runtime::timeout(left.min(ASK_AGAIN), taken).await {
                Ok(Some(status)) if status.snapshot >= applied => return Ok(status.snapshot),
                Ok(_) => return Err(stopped()),
                Err(_) if left <= ASK_AGAIN => return Err(ReadError::TooLate),
                Err(_) => {}
            }
        }
    }

    /// Stops it. What waits ends as unknown.
    pub(crate) async fn stop(&self) {
        // An error says that it panicked, which is the status' to tell.
        let _ = self.raft.shutdown().await;
    }
}

/// A lone voter has nobody to wait for.
async fn stand_if_alone(raft: &Raft) -> Result<(), Fatal<u64>> {
    let is_alone = raft
        .with_raft_state(|state| {
            let members = state.membership_state.effective();
            members.membership().voter_ids().count() == 1
        })
        .await?;
    // openraft looks whether it is this node that votes.
    if is_alone {
        raft.trigger().elect().await
    } else {
        Ok(())
    }
}

/// Tells the members of commits that were kept from them, without waiting for the next heartbeat.
async fn announce(raft: Raft, mut withheld: Withheld) {
    while withheld.ended().await {
        if raft.trigger().heartbeat().await.is_err() {
            return;
        }
    }
}
