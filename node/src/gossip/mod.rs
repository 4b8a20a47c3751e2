//! What members tell each other about themselves: hints, which rank and exclude and never decide correctness (design section 3).
//!
//! 1. [`Facts`] is what a node says of itself, [`Hints`] what it has heard of all, itself included.
//! 2. [`Datagrams`] is the seam to the link: messages to members that may be lost.
//! 3. [`Gossip`] runs both over chitchat: scuttlebutt reconciliation, and an accrual failure detector over heartbeats.
//!
//! Bounds: a message has at most 64 KiB, a longer one is dropped in either direction. A node tells of at most 256 adapters, the first by
//! name. A member that has been dead for ten minutes is forgotten.
//!
//! What a simulation cannot control: chitchat seeds a generator from the operating system to choose up to three partners a round and
//! the order in which it tells of members, polls its socket and timer in random order, and iterates hash tables. Time is tokio's, so it can.

mod datagrams;
mod facts;
mod hints;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use atp_protocol::cluster::{ClusterId, NodeId};
use atp_protocol::units::UnixMillis;
use chitchat::{Chitchat, ChitchatConfig, ChitchatHandle, ChitchatId, FailureDetectorConfig, spawn_chitchat};
use tokio::sync::{Mutex, watch};

use datagrams::{Carrier, address_of};

pub use datagrams::Datagrams;
pub use facts::{Condition, Facts, Health, Lane};
pub use hints::{Hint, Hints};

/// How long silence must last, as a multiple of the usual time between heartbeats, until a member counts as dead.
const PHI: f64 = 16.0;

/// How long a dead member is remembered.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// How a node takes part.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cluster; messages of another are refused.
    pub cluster: ClusterId,
    /// This node.
    pub node: NodeId,
    /// When it started: later starts of a node replace what earlier ones said.
    pub started: UnixMillis,
    /// Members it knows; it hears of others from them.
    pub members: Vec<NodeId>,
    /// Time between rounds. A death is noticed after some ten of them.
    pub interval: Duration,
}

/// A node's part in the gossip; dropping it ends the part.
pub struct Gossip {
    chitchat: ChitchatHandle,
    current: Arc<ArcSwap<Hints>>,
    changes: watch::Receiver<Arc<Hints>>,
}

impl Gossip {
    /// Takes part over `datagrams`, saying `facts` first. Needs a tokio runtime, whose tasks it uses.
    #[expect(
        clippy::disallowed_methods,
        reason = "chitchat runs in a task of its own; a second one follows it"
    )]
    pub async fn start(settings: Settings, facts: &Facts, datagrams: impl Datagrams) -> Self {
        let carrier = Carrier::new(datagrams);
        let told = facts.told().into_iter().collect();
        let chitchat = spawn_chitchat(config(&settings), told, &carrier)
            .await
            .expect("members are given by number, which needs no look-up, and the carrier opens");
        let shared = chitchat.chitchat();
        let (first, live) = {
            let chitchat = shared.lock().await;
            (Arc::new(hints::of(&chitchat)), chitchat.live_nodes_watcher())
        };
        let current = Arc::new(ArcSwap::new(Arc::clone(&first)));
        let (sender, changes) = watch::channel(first);
        let publish = publish(Arc::downgrade(&shared), live, Arc::clone(&current), sender);
        tokio::spawn(publish);
        Self {
            chitchat,
            current,
            changes,
        }
    }

    /// Says something else of this node from now on.
    pub async fn tell(&self, facts: &Facts) {
        let told = facts.told();
        let chitchat = self.chitchat.chitchat();
        let mut chitchat = chitchat.lock().await;
        let state = chitchat.self_node_state();
        let gone: Vec<String> = state
            .key_values()
            .filter(|(key, _)| !told.contains_key(*key))
            .map(|(key, _)| key.to_owned())
            .collect();
        gone.iter().for_each(|key| state.delete(key));
        told.into_iter().for_each(|(key, value)| state.set(key, value));
    }

    /// Turns to a member that has just become known, who may not know of this one.
    pub fn meet(&self, member: NodeId) {
        // refused only when the gossip has ended, and then there is nobody to tell
        let _ = self.chitchat.gossip(address_of(member));
    }

    /// What has been heard.
    #[must_use]
    pub fn hints(&self) -> Arc<Hints> {
        self.current.load_full()
    }

    /// The same, for those who wait for something.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Arc<Hints>> {
        self.changes.clone()
    }
}

fn config(settings: &Settings) -> ChitchatConfig {
    let own = address_of(settings.node);
    let members = settings.members.iter().filter(|member| **member != settings.node);
    ChitchatConfig {
        chitchat_id: ChitchatId::new(settings.node.to_string(), settings.started.0, own),
        cluster_id: settings.cluster.to_string(),
        gossip_interval: settings.interval,
        listen_addr: own,
        seed_nodes: members.map(|member| address_of(*member).to_string()).collect(),
        failure_detector_config: FailureDetectorConfig {
            phi_threshold: PHI,
            sampling_window_size: 1_000,
            // a silence that long says nothing of how often a member is usually heard
            max_interval: settings.interval * 10,
            initial_interval: settings.interval,
            dead_node_grace_period: FORGET_AFTER,
        },
        marked_for_deletion_grace_period: FORGET_AFTER,
        catchup_callback: None,
        extra_liveness_predicate: None,
    }
}

/// Publishes what was heard whenever the members alive, or what they say, have changed. Ends with the gossip.
async fn publish<T>(
    chitchat: Weak<Mutex<Chitchat>>,
    mut live: watch::Receiver<T>,
    current: Arc<ArcSwap<Hints>>,
    sender: watch::Sender<Arc<Hints>>,
) {
    while live.changed().await.is_ok() {
        let Some(chitchat) = chitchat.upgrade() else {
            return;
        };
        let heard = Arc::new(hints::of(&*chitchat.lock().await));
        current.store(Arc::clone(&heard));
        sender.send_if_modified(|last| {
            let is_new = **last != *heard;
            *last = heard;
            is_new
        });
    }
}
