//! A network in memory: requests take a while, and links can be cut, each way on its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atp_consensus::groups::Groups;
use atp_consensus::transport::{Lane, Transport, Unreachable};
use atp_protocol::cluster::NodeId;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

#[derive(Default)]
struct State {
    nodes: BTreeMap<NodeId, Groups>,
    cut: BTreeSet<(NodeId, NodeId)>,
    /// Bulk requests that arrive before the next ones are lost.
    bulk_left: Option<u32>,
    /// Every request arrives so many times more, later.
    repeats: u32,
    draws: u64,
    bulk_calls: u32,
}

impl State {
    fn draw(&mut self, below: u64) -> u64 {
        self.draws = self
            .draws
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.draws >> 33) % below.max(1)
    }
}

/// The network.
#[derive(Clone, Default)]
pub(crate) struct Network(Arc<Mutex<State>>);

impl Network {
    /// A node is there, or there again.
    pub(crate) fn connect(&self, node: NodeId, groups: Groups) {
        self.0.lock().unwrap().nodes.insert(node, groups);
    }

    /// A node is gone.
    pub(crate) fn disconnect(&self, node: NodeId) {
        self.0.lock().unwrap().nodes.remove(&node);
    }

    /// Nothing goes from one to the other any more; the other way stays.
    pub(crate) fn cut_one_way(&self, from: NodeId, to: NodeId) {
        self.0.lock().unwrap().cut.insert((from, to));
    }

    /// A node hears nobody, and nobody hears it.
    pub(crate) fn isolate(&self, node: NodeId) {
        let others: Vec<NodeId> = self.0.lock().unwrap().nodes.keys().copied().collect();
        for other in others {
            self.cut_one_way(node, other);
            self.cut_one_way(other, node);
        }
    }

    /// All links are whole.
    pub(crate) fn heal(&self) {
        let mut state = self.0.lock().unwrap();
        state.cut.clear();
        state.bulk_left = None;
    }

    /// So many more bulk requests arrive; those after are lost.
    pub(crate) fn lose_bulk_after(&self, requests: u32) {
        self.0.lock().unwrap().bulk_left = Some(requests);
    }

    /// Bulk requests that arrived.
    pub(crate) fn bulk_calls(&self) -> u32 {
        self.0.lock().unwrap().bulk_calls
    }

    /// Every request arrives so many times more, each some time later.
    pub(crate) fn repeat(&self, times: u32) {
        self.0.lock().unwrap().repeats = times;
    }

    /// The way from one node to all others.
    pub(crate) fn transport(&self, from: NodeId) -> Arc<dyn Transport> {
        Arc::new(From {
            network: self.clone(),
            from,
        })
    }

    fn route(&self, from: NodeId, to: NodeId, lane: Lane) -> Option<(Groups, u32)> {
        let mut state = self.0.lock().unwrap();
        if state.cut.contains(&(from, to)) {
            return None;
        }
        let groups = state.nodes.get(&to)?.clone();
        if lane == Lane::Bulk {
            if let Some(left) = &mut state.bulk_left {
                *left = left.checked_sub(1)?;
            }
            state.bulk_calls += 1;
        }
        Some((groups, state.repeats))
    }

    fn delay(&self) -> Duration {
        Duration::from_micros(100 + self.0.lock().unwrap().draw(400))
    }

    fn late(&self) -> Duration {
        Duration::from_millis(self.0.lock().unwrap().draw(300))
    }

    fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.0.lock().unwrap().cut.contains(&(from, to))
    }
}

struct From {
    network: Network,
    from: NodeId,
}

impl Transport for From {
    fn call(
        &self,
        to: NodeId,
        lane: Lane,
        request: Vec<u8>,
        deadline: Duration,
    ) -> BoxFuture<'static, Result<Vec<u8>, Unreachable>> {
        let (network, from) = (self.network.clone(), self.from);
        async move {
            let Some((groups, repeats)) = network.route(from, to, lane) else {
                return Err(Unreachable::NotConnected(to));
            };
            for _ in 0..repeats {
                let (network, groups, request) = (network.clone(), groups.clone(), request.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(network.late()).await;
                    groups.serve(from, &request).await;
                });
            }
            let answer = tokio::spawn({
                let network = network.clone();
                async move {
                    tokio::time::sleep(network.delay()).await;
                    let reply = groups.serve(from, &request).await;
                    tokio::time::sleep(network.delay()).await;
                    reply
                }
            });
            match tokio::time::timeout(deadline, answer).await {
                Ok(Ok(reply)) if !network.is_cut(to, from) => Ok(reply),
                _ => Err(Unreachable::NoAnswer(to)),
            }
        }
        .boxed()
    }
}
