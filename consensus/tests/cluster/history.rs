//! A smoke check of linearizability: clients write and read through changing nodes while nodes, links and disks fail; then what they
//! saw is compared with the order in which it happened.
//!
//! A write's place is how many commands were applied with it, a read's how many it saw. An operation that began after another had ended has
//! no earlier place. Writes whose outcome is unknown may have any place after their beginning, or none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atp_consensus::group::Group;
use tokio::time::Instant;

use crate::cluster::{Cluster, node};
use crate::register::{Registers, set};

const SHORT: Duration = Duration::from_millis(400);

#[derive(Debug, Clone, Copy)]
struct Operation {
    begin: Instant,
    end: Instant,
    place: u64,
    is_write: bool,
}

/// The nodes that run.
type Nodes = Arc<Mutex<BTreeMap<u16, Group<Registers>>>>;

struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Writes and reads until the time is over. Returns what was done, and the keys of the writes that were acknowledged.
async fn client(number: u64, nodes: Nodes, until: Instant) -> (Vec<Operation>, BTreeSet<String>) {
    let mut draw = Draw(number);
    let (mut done, mut written) = (Vec::new(), BTreeSet::new());
    while Instant::now() < until {
        let group = {
            let nodes = nodes.lock().unwrap();
            let at = usize::try_from(draw.below(nodes.len() as u64)).unwrap();
            nodes.values().nth(at).unwrap().clone()
        };
        let begin = Instant::now();
        let is_write = draw.below(2) == 0;
        let place = if is_write {
            let key = format!("{number}-{}", draw.below(u64::MAX));
            group.propose(set(&key, "x"), SHORT).await.ok().map(|proposed| {
                written.insert(key);
                u64::from_le_bytes(proposed.reply.try_into().unwrap())
            })
        } else {
            let seen = group.linearize(SHORT).await.ok();
            seen.map(|_| group.read(|registers| registers.count))
        };
        let end = Instant::now();
        done.extend(place.map(|place| Operation {
            begin,
            end,
            place,
            is_write,
        }));
        tokio::time::sleep(Duration::from_millis(draw.below(20))).await;
    }
    (done, written)
}

/// Breaks something, for a while.
async fn disturb(cluster: &mut Cluster, nodes: &Nodes, draw: &mut Draw, size: u16) {
    let victim = 1 + u16::try_from(draw.below(u64::from(size))).unwrap();
    let pause = Duration::from_millis(300 + draw.below(1_500));
    match draw.below(4) {
        0 => {
            nodes.lock().unwrap().remove(&victim);
            cluster.fail(node(victim)).await;
            tokio::time::sleep(pause).await;
            cluster.start(node(victim)).await;
            nodes
                .lock()
                .unwrap()
                .insert(victim, cluster.group(victim).clone());
        }
        1 => {
            cluster.network.isolate(node(victim));
            tokio::time::sleep(pause).await;
        }
        2 => {
            cluster.stick(node(victim), true);
            tokio::time::sleep(pause).await;
            // With or without what it was writing.
            if draw.below(2) == 0 {
                nodes.lock().unwrap().remove(&victim);
                cluster.fail(node(victim)).await;
                cluster.start(node(victim)).await;
                nodes
                    .lock()
                    .unwrap()
                    .insert(victim, cluster.group(victim).clone());
            } else {
                cluster.stick(node(victim), false);
            }
        }
        _ => {
            let to = 1 + u16::try_from(draw.below(u64::from(size))).unwrap();
            // Refused unless it leads.
            let _ = cluster.group(victim).transfer(node(to), SHORT).await;
            cluster.network.cut_one_way(node(victim), node(to));
            tokio::time::sleep(pause).await;
        }
    }
    cluster.network.heal();
}

fn check(mut operations: Vec<Operation>) {
    let mut places = BTreeSet::new();
    for write in operations.iter().filter(|operation| operation.is_write) {
        assert!(places.insert(write.place), "two writes at {}", write.place);
    }
    operations.sort_by_key(|operation| operation.begin);
    let mut ended = operations.clone();
    ended.sort_by_key(|operation| operation.end);
    let mut ended = ended.into_iter().peekable();
    let mut least = 0;
    for operation in operations {
        while let Some(before) = ended.next_if(|before| before.end < operation.begin) {
            least = least.max(before.place);
        }
        let holds = if operation.is_write {
            operation.place > least
        } else {
            operation.place >= least
        };
        assert!(holds, "{operation:?} comes after something at {least}");
    }
}

async fn run(seed: u64, size: u16) {
    let mut cluster = Cluster::of(size).await;
    let nodes: Nodes = Nodes::default();
    for number in 1..=size {
        nodes
            .lock()
            .unwrap()
            .insert(number, cluster.group(number).clone());
    }
    let until = Instant::now() + Duration::from_secs(8);
    let clients: Vec<_> = (0..4)
        .map(|number| tokio::spawn(client(seed * 10 + number, Arc::clone(&nodes), until)))
        .collect();
    let mut draw = Draw(seed);
    while Instant::now() < until {
        disturb(&mut cluster, &nodes, &mut draw, size).await;
    }
    let (mut operations, mut written) = (Vec::new(), BTreeSet::new());
    for client in clients {
        let (done, keys) = client.await.unwrap();
        operations.extend(done);
        written.extend(keys);
    }
    assert!(operations.len() > 200, "only {} operations", operations.len());
    check(operations);
    cluster.leader().await;
    cluster.settle().await;
    let state = |at: u16| cluster.group(at).read(Clone::clone);
    let first = state(1);
    assert_eq!(
        first.count,
        first.values.len() as u64,
        "a command was applied twice"
    );
    for key in written {
        assert!(first.values.contains_key(&key), "{key} is lost");
    }
    for at in 2..=size {
        assert_eq!(state(at), first, "node {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn operations_on_three_nodes_that_fail_are_linearizable() {
    for seed in 1..=2 {
        run(seed, 3).await;
    }
}

#[tokio::test(start_paused = true)]
async fn operations_on_five_nodes_that_fail_are_linearizable() {
    run(7, 5).await;
}

#[test]
fn a_read_of_the_past_is_found() {
    let caught = std::panic::catch_unwind(|| {
        let base = Instant::now();
        let at = |begin, end, place, is_write| Operation {
            begin: base + Duration::from_millis(begin),
            end: base + Duration::from_millis(end),
            place,
            is_write,
        };
        check(vec![at(0, 10, 1, true), at(5, 20, 2, true), at(21, 22, 1, false)]);
    });
    assert!(caught.is_err());
}
