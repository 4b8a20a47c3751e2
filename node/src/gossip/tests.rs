//! Nodes on a network in memory, in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atp_actors::adapter::AdapterName;
use atp_protocol::cluster::{ClusterId, NodeId};
use atp_protocol::ids::AdapterId;
use atp_protocol::units::UnixMillis;
use proptest::prelude::*;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::datagrams::decode;
use super::{Condition, Datagrams, Facts, Gossip, Health, Hints, Settings};
use crate::environment::Pending;

const INTERVAL: Duration = Duration::from_millis(200);

type Letter = (NodeId, Vec<u8>);

/// Who can be reached, and by whom not.
#[derive(Clone, Default)]
struct Network(Arc<Mutex<Wires>>);

#[derive(Default)]
struct Wires {
    boxes: BTreeMap<NodeId, mpsc::Sender<Letter>>,
    cut: BTreeSet<(NodeId, NodeId)>,
}

struct Port {
    node: NodeId,
    network: Network,
    inbox: mpsc::Receiver<Letter>,
}

impl Datagrams for Port {
    fn send(&mut self, to: NodeId, message: Vec<u8>) {
        let wires = self.network.0.lock().unwrap();
        if !wires.cut.contains(&(self.node, to))
            && let Some(inbox) = wires.boxes.get(&to)
        {
            let _ = inbox.try_send((self.node, message));
        }
    }

    fn recv(&mut self) -> Pending<'_, Option<Letter>> {
        Box::pin(self.inbox.recv())
    }
}

impl Network {
    /// Starts a node that knows nodes 1 to `members`, at a time of its own.
    async fn start(&self, node: NodeId, members: u16, started: u64) -> Gossip {
        let (sender, inbox) = mpsc::channel(64);
        self.0.lock().unwrap().boxes.insert(node, sender);
        let port = Port {
            node,
            network: self.clone(),
            inbox,
        };
        let settings = Settings {
            cluster: ClusterId::new([7; 16]),
            node,
            started: UnixMillis(started),
            members: (1..=members).map(member).collect(),
            interval: INTERVAL,
        };
        Gossip::start(settings, &facts(node, started), port).await
    }

    async fn cluster(&self, members: u16) -> Vec<Gossip> {
        let mut nodes = Vec::new();
        for number in 1..=members {
            nodes.push(self.start(member(number), members, 1).await);
        }
        for node in &nodes {
            until(node, "everybody is alive", |hints| {
                alive(hints) == numbers(members)
            })
            .await;
        }
        nodes
    }

    /// Cuts, in both directions, what lies between the two sides; `false` mends it.
    fn cut(&self, one: &[u16], other: &[u16], is_cut: bool) {
        let mut wires = self.0.lock().unwrap();
        for (a, b) in one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b))) {
            for pair in [(member(a), member(b)), (member(b), member(a))] {
                match is_cut {
                    true => wires.cut.insert(pair),
                    false => wires.cut.remove(&pair),
                };
            }
        }
    }

    fn kill(&self, node: Gossip, number: u16) {
        drop(node);
        self.0.lock().unwrap().boxes.remove(&member(number));
    }
}

fn member(number: u16) -> NodeId {
    NodeId::new(number).unwrap()
}

fn numbers(members: u16) -> Vec<u16> {
    (1..=members).collect()
}

fn facts(node: NodeId, started: u64) -> Facts {
    Facts {
        streams: u32::try_from(started).unwrap(),
        health: Health::Ready,
        adapters: adapter(&format!("adapter.{node}")),
        ..Facts::default()
    }
}

fn adapter(id: &str) -> BTreeMap<AdapterName, Condition> {
    let name = AdapterName {
        owner: None,
        id: AdapterId::new(id).unwrap(),
    };
    BTreeMap::from([(name, Condition::default())])
}

fn alive(hints: &Hints) -> Vec<u16> {
    let alive = hints.iter().filter(|(_, hint)| hint.is_alive);
    alive.map(|(member, _)| member.get()).collect()
}

/// Waits for hints that satisfy `is_so`, and says how long it took.
#[expect(
    clippy::disallowed_methods,
    reason = "the clock of the test stands still unless all wait"
)]
async fn until(node: &Gossip, what: &str, is_so: impl Fn(&Hints) -> bool) -> Duration {
    let begin = Instant::now();
    let mut changes = node.changes();
    let reached = timeout(Duration::from_secs(30), changes.wait_for(|hints| is_so(hints))).await;
    match reached {
        Ok(Ok(_)) => begin.elapsed(),
        Ok(Err(_)) => panic!("the gossip ended before {what}"),
        Err(_) => panic!("30 s are over before {what}: {:?}", node.hints()),
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_node_says_reaches_everybody() {
    let network = Network::default();
    let nodes = network.cluster(5).await;
    let mut said = facts(member(2), 1);
    said.load = 900;
    said.is_draining = true;
    said.adapters = adapter("other");
    nodes[1].tell(&said).await;
    for node in &nodes {
        let took = until(node, "the news", |hints| hints[&member(2)].facts == said).await;
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert_eq!(node.hints()[&member(3)].facts, facts(member(3), 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_death_is_noticed_and_a_hiccup_is_not() {
    let network = Network::default();
    let mut nodes = network.cluster(3).await;
    sleep(Duration::from_secs(20)).await;
    let mut changes = nodes[0].changes();
    changes.mark_unchanged();
    network.cut(&[3], &[1, 2], true);
    sleep(INTERVAL * 2).await;
    network.cut(&[3], &[1, 2], false);
    sleep(Duration::from_secs(5)).await;
    assert!(!changes.has_changed().unwrap(), "{:?}", nodes[0].hints());

    network.kill(nodes.pop().unwrap(), 3);
    for node in &nodes {
        let took = until(node, "node 3 is dead", |hints| alive(hints) == [1, 2]).await;
        assert!(took < INTERVAL * 20, "{took:?}");
        assert_eq!(
            node.hints()[&member(3)].facts,
            facts(member(3), 1),
            "its last words"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_starts_again_is_alive_with_what_it_says_anew() {
    let network = Network::default();
    let mut nodes = network.cluster(3).await;
    network.kill(nodes.pop().unwrap(), 3);
    until(&nodes[0], "node 3 is dead", |hints| alive(hints) == [1, 2]).await;
    let again = network.start(member(3), 3, 2).await;
    for node in nodes.iter().chain([&again]) {
        until(node, "node 3 is back", |hints| {
            alive(hints) == [1, 2, 3] && hints[&member(3)].facts == facts(member(3), 2)
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_is_seen_from_both_sides_and_heals() {
    let network = Network::default();
    let nodes = network.cluster(5).await;
    network.cut(&[1, 2], &[3, 4, 5], true);
    for node in &nodes[..2] {
        until(node, "the others are gone", |hints| alive(hints) == [1, 2]).await;
    }
    for node in &nodes[2..] {
        until(node, "the others are gone", |hints| alive(hints) == [3, 4, 5]).await;
    }
    let mut said = facts(member(5), 1);
    said.load = 1;
    nodes[4].tell(&said).await;
    network.cut(&[1, 2], &[3, 4, 5], false);
    for node in &nodes {
        until(node, "everybody is back", |hints| {
            alive(hints) == numbers(5) && hints[&member(5)].facts == said
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_nobody_knew_is_met() {
    let network = Network::default();
    let nodes = network.cluster(3).await;
    let fourth = network.start(member(4), 0, 1).await;
    nodes[0].meet(member(4));
    for node in nodes.iter().chain([&fourth]) {
        until(node, "all four", |hints| alive(hints) == numbers(4)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_passed_over() {
    let network = Network::default();
    let nodes = network.cluster(3).await;
    let inbox = network.0.lock().unwrap().boxes[&member(1)].clone();
    for nonsense in [
        vec![],
        vec![0; 100],
        vec![0x53, 0xb0, 0, 0, 255],
        vec![1; 1 << 20],
    ] {
        inbox.send((member(2), nonsense)).await.unwrap();
    }
    let mut said = facts(member(2), 1);
    said.load = 5;
    nodes[1].tell(&said).await;
    until(&nodes[0], "the news", |hints| hints[&member(2)].facts == said).await;
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(mut bytes in prop::collection::vec(any::<u8>(), 4..512), kind in 0_u8..4) {
        // past the magic number and the version, where the parts begin that have a length
        bytes[..4].copy_from_slice(&[0x53, 0xb0, 0, kind]);
        let _ = decode(&bytes);
    }
}
