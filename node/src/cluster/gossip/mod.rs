//! What members hear of each other, over the link (docs/adr/0019).
//!
//! 1. [`carrier`] carries messages: a call on the control lane each, so that nobody gossips who has not shown a member's certificate.
//! 2. [`keep`] tells of this node what [`facts`](super::facts) says, and turns to members that are not heard.
//! 3. [`hearsay`] decides who asks configured adapters how they are.
//!
//! Bounds: [`LETTERS_MAX`] messages wait in either direction, further ones are lost, and [`CALLS_MAX`] are on their way; gossip makes up for
//! lost ones in its next round. What a member says reaches the others within two or three rounds; who is silent for some sixteen
//! rounds counts as dead.

mod carrier;
mod hearsay;
mod keep;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use atp_actors::environment::Clock;
use atp_actors::metrics::{GossipSeries, Meter};
use atp_protocol::cluster::NodeId;
use atp_protocol::encoding;
use atp_protocol::link::{Code, Refusal};
use atp_protocol::units::UnixMillis;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

pub(crate) use hearsay::FromGossip;

use super::Cluster;
use crate::gossip::{Facts, Gossip, Hints, Settings};
use crate::link::Link;
use carrier::Post;

/// Between two rounds.
const INTERVAL: Duration = Duration::from_millis(200);

/// Messages that wait to be sent, or to be read.
const LETTERS_MAX: usize = 64;

/// Messages on their way.
const CALLS_MAX: usize = 64;

type Letter = (NodeId, Vec<u8>);

/// What a member answers to gossip. New ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Receipt {
    /// It is taken, or lost for want of room.
    Taken {
        /// What its clock shows, in milliseconds.
        unix_ms: u64,
    },
    /// Whoever sent it was removed from the cluster.
    Removed,
}

/// A member as this node hears of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Its heartbeats arrive.
    pub is_alive: bool,
    /// What it said last.
    pub facts: Facts,
    /// By how much its clock is ahead of this node's, in milliseconds, to half the time an answer took; `None` before the first answer.
    pub clock_ms: Option<i64>,
}

/// A node's ear.
pub(super) struct Hearing {
    gossip: Gossip,
    desk: Arc<Desk>,
}

/// Where messages come and go.
struct Desk {
    inbox: mpsc::Sender<Letter>,
    /// By how much the clocks of others are ahead.
    clocks: Mutex<BTreeMap<NodeId, i64>>,
    /// A member said that this node is none any more.
    is_removed: AtomicBool,
    clock: Arc<dyn Clock>,
    series: GossipSeries,
}

impl Cluster {
    /// Takes part in the gossip from now on, on the calling thread.
    pub(super) async fn gossip(&self, link: Link, clock: Arc<dyn Clock>, meter: &Meter) {
        let (inbox, letters) = mpsc::channel(LETTERS_MAX);
        let (outbox, leaving) = mpsc::channel(LETTERS_MAX);
        let settings = Settings {
            cluster: self.place.cluster.parse().expect("it was written by the id"),
            node: self.node(),
            started: clock.unix(),
            members: self.addresses().into_keys().collect(),
            interval: INTERVAL,
        };
        let desk = Arc::new(Desk {
            inbox,
            clocks: Mutex::default(),
            is_removed: AtomicBool::new(false),
            clock,
            series: meter.gossip(),
        });
        tokio::task::spawn_local(carrier::carry(link, leaving, Arc::clone(&desk)));
        let gossip = Gossip::start(settings, &self.facts(), Post { outbox, letters }).await;
        // Started once.
        let _ = self.hearing.set(Hearing { gossip, desk });
        tokio::task::spawn_local(keep::keep(self.clone()));
    }

    /// Answers gossip of `from`.
    pub(super) fn take(&self, from: NodeId, body: &Bytes, is_removed: bool) -> Result<Bytes, Refusal> {
        let Some(Hearing { desk, .. }) = self.hearing.get() else {
            return Err(Refusal::new(Code::STOPPING, "the node is starting"));
        };
        if is_removed {
            return Ok(encoded(Receipt::Removed));
        }
        if !self.addresses().contains_key(&from) {
            let why = format!("node {from} is no member of the cluster; take it in with atpctl cluster add");
            return Err(Refusal::new(Code::NO_SERVICE, why));
        }
        desk.series.received.increment(1);
        // What finds no room is lost, as gossip may be.
        let _ = desk.inbox.try_send((from, body.to_vec()));
        let UnixMillis(unix_ms) = desk.clock.unix();
        Ok(encoded(Receipt::Taken { unix_ms }))
    }

    /// What was heard of all, members or not; `None` for a node by itself.
    fn hints(&self) -> Option<Arc<Hints>> {
        self.hearing.get().map(|hearing| hearing.gossip.hints())
    }

    /// Every member that `meta` knows, this node included, as it is heard of.
    #[must_use]
    pub fn heard(&self) -> BTreeMap<NodeId, Heard> {
        let hints = self.hints().unwrap_or_default();
        let members = self.members().into_iter();
        members.map(|node| (node, self.heard_of(node, &hints))).collect()
    }

    fn heard_of(&self, node: NodeId, hints: &Hints) -> Heard {
        if node == self.node() {
            return Heard {
                is_alive: true,
                facts: self.facts(),
                clock_ms: Some(0),
            };
        }
        let hint = hints.get(&node);
        let clocks = self.hearing.get().map(|hearing| hearing.desk.clocks());
        Heard {
            is_alive: hint.is_some_and(|hint| hint.is_alive),
            facts: hint.map(|hint| hint.facts.clone()).unwrap_or_default(),
            clock_ms: clocks.and_then(|clocks| clocks.get(&node).copied()),
        }
    }

    /// Whether the heartbeats of a node arrive; always those of this one.
    #[must_use]
    pub fn is_alive(&self, node: NodeId) -> bool {
        node == self.node() || self.hints().is_some_and(|hints| is_alive(&hints, node))
    }

    /// Whether this node was removed from its cluster, as far as it has learned.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        let is_told = |hearing: &Hearing| hearing.desk.is_removed.load(Ordering::Acquire);
        self.hearing.get().is_some_and(is_told)
            || self.meta.read(|meta| meta.cluster().was_removed(self.node()))
    }

    /// What a member said last, if it is alive and `meta` knows it.
    pub(crate) fn facts_of<T>(&self, node: NodeId, read: impl FnOnce(&Facts) -> T) -> Option<T> {
        if node == self.node() {
            return Some(read(&self.facts()));
        }
        let hints = self.hints()?;
        let hint = hints.get(&node).filter(|hint| hint.is_alive)?;
        Some(read(&hint.facts))
    }

    /// Who is a member, as `meta` knows.
    pub(crate) fn members(&self) -> BTreeSet<NodeId> {
        self.meta.read(|meta| {
            let members = meta.cluster().members();
            members.map(|(node, _)| node).collect()
        })
    }
}

impl Desk {
    fn clocks(&self) -> BTreeMap<NodeId, i64> {
        self.clocks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn is_alive(hints: &Hints, node: NodeId) -> bool {
    hints.get(&node).is_some_and(|hint| hint.is_alive)
}

fn encoded(receipt: Receipt) -> Bytes {
    let mut bytes = Vec::new();
    encoding::encode_into(&receipt, &mut bytes).expect("a word and a number");
    bytes.into()
}
