//! Start-time fair queueing over flows (Goyal, Vin, Cheng 1996; atp.md 18.2).
//!
//! A flow's next item starts at `S = max(V, F)`, where `F` is where its last one finished, and finishes at `S` plus its work
//! over the flow's weight. The least `S` goes first and `V` becomes that `S`. So a newcomer starts at `V`: it neither
//! catches up on the past of others nor waits for it. Once no flow is ready the contention is over, and all is forgotten.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// A point in virtual time; never NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Virtual(f64);

impl Eq for Virtual {}

impl PartialOrd for Virtual {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Virtual {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[derive(Debug, Clone, Copy)]
struct Tags {
    /// `S` of the head, while ready.
    start: Virtual,
    /// `F` of the last item.
    finish: Virtual,
    /// Arrival of the head, while ready. Breaks ties: the oldest first.
    ready: Option<u64>,
}

/// Flows with their shares. Knows of items only when the head of each flow came.
#[derive(Debug, Clone)]
pub(super) struct Sfq<K> {
    now: Virtual,
    flows: BTreeMap<K, Tags>,
    ready: BTreeSet<(Virtual, u64, K)>,
    /// Flows that are not ready and still ahead of `V`, by `F`. Behind it they are as good as new and forgotten.
    idle: BTreeSet<(Virtual, K)>,
    max_idle: usize,
}

impl<K: Ord + Clone> Sfq<K> {
    pub(super) fn new(max_idle: usize) -> Self {
        Self {
            now: Virtual(0.0),
            flows: BTreeMap::new(),
            ready: BTreeSet::new(),
            idle: BTreeSet::new(),
            max_idle,
        }
    }

    /// Whether no flow is ready.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// The flow whose turn it is.
    pub(super) fn first(&self) -> Option<(&K, u64)> {
        self.ready.first().map(|(_, order, key)| (key, *order))
    }

    /// The flow has a head that may go, which came at `order`; `None`: it has none.
    pub(super) fn set_head(&mut self, key: &K, head: Option<u64>) {
        if self.flows.get(key).and_then(|tags| tags.ready) == head {
            return;
        }
        let mut tags = self.take(key);
        if tags.ready.is_none() {
            tags.start = tags.finish.max(self.now);
        }
        tags.ready = head;
        self.put(key, tags);
        if self.ready.is_empty() {
            self.flows.clear();
            self.idle.clear();
            self.now = Virtual(0.0);
        }
    }

    /// An item of the flow goes; `work` is over the flow's weight. Out of turn, virtual time stands still.
    pub(super) fn charge(&mut self, key: &K, work: f64, is_in_turn: bool) {
        let mut tags = self.take(key);
        let start = match tags.ready {
            Some(_) => tags.start,
            None => tags.finish.max(self.now),
        };
        tags.finish = Virtual(start.0 + work);
        tags.start = tags.finish;
        if is_in_turn {
            self.now = self.now.max(start);
        }
        self.put(key, tags);
        self.forget();
    }

    fn take(&mut self, key: &K) -> Tags {
        let Some(tags) = self.flows.remove(key) else {
            return Tags {
                start: self.now,
                finish: self.now,
                ready: None,
            };
        };
        match tags.ready {
            Some(order) => self.ready.remove(&(tags.start, order, key.clone())),
            None => self.idle.remove(&(tags.finish, key.clone())),
        };
        tags
    }

    fn put(&mut self, key: &K, tags: Tags) {
        match tags.ready {
            Some(order) => self.ready.insert((tags.start, order, key.clone())),
            None if tags.finish > self.now => self.idle.insert((tags.finish, key.clone())),
            None => return,
        };
        self.flows.insert(key.clone(), tags);
    }

    fn forget(&mut self) {
        while let Some((finish, _)) = self.idle.first() {
            if *finish > self.now && self.idle.len() <= self.max_idle {
                return;
            }
            if let Some((_, key)) = self.idle.pop_first() {
                self.flows.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves `count` items of always backlogged flows of equal work; returns how many each got.
    fn serve(weights: &[f64], count: usize) -> Vec<usize> {
        let mut sfq = Sfq::new(10);
        let mut served = vec![0; weights.len()];
        for flow in 0..weights.len() {
            sfq.set_head(&flow, Some(flow as u64));
        }
        for _ in 0..count {
            let (&flow, order) = sfq.first().unwrap();
            sfq.charge(&flow, 1.0 / weights[flow], true);
            sfq.set_head(&flow, Some(order));
            served[flow] += 1;
        }
        served
    }

    #[test]
    fn backlogged_flows_share_by_weight() {
        assert_eq!(serve(&[1.0, 1.0], 10), [5, 5]);
        assert_eq!(serve(&[3.0, 1.0], 40), [30, 10]);
        assert_eq!(serve(&[4.0, 2.0, 1.0], 70), [40, 20, 10]);
    }

    #[test]
    fn a_newcomer_starts_where_the_others_are() {
        let mut sfq = Sfq::new(10);
        sfq.set_head(&"old", Some(0));
        for _ in 0..100 {
            sfq.charge(&"old", 1.0, true);
        }
        sfq.set_head(&"new", Some(1));
        let mut turns = Vec::new();
        for _ in 0..6 {
            let (&flow, order) = sfq.first().unwrap();
            turns.push(flow);
            sfq.charge(&flow, 1.0, true);
            sfq.set_head(&flow, Some(order));
        }
        assert_eq!(
            turns.iter().filter(|flow| **flow == "new").count(),
            3,
            "{turns:?}"
        );
    }

    #[test]
    fn leaving_and_coming_back_gains_nothing() {
        let mut sfq = Sfq::new(10);
        sfq.set_head(&"stays", Some(0));
        sfq.charge(&"leaves", 50.0, true);
        sfq.set_head(&"leaves", None);
        sfq.set_head(&"leaves", Some(1));
        for _ in 0..49 {
            assert_eq!(sfq.first().unwrap().0, &"stays");
            sfq.charge(&"stays", 1.0, true);
        }
    }

    #[test]
    fn idle_flows_are_forgotten_when_overtaken_and_beyond_the_bound() {
        let mut sfq = Sfq::new(2);
        for flow in 0..5 {
            sfq.charge(&flow, 10.0 + f64::from(flow), true);
        }
        assert_eq!(sfq.flows.len(), 2);
        sfq.set_head(&9, Some(0));
        for _ in 0..20 {
            sfq.charge(&9, 1.0, true);
        }
        assert_eq!(sfq.flows.len(), 1);
    }
}
