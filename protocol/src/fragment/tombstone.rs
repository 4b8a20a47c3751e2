//! Messages that are over, so that their late fragments are not taken for new ones (atp.md 10.4, 11.3).

use std::collections::{BTreeMap, VecDeque};

use super::Key;
use crate::units::Millis;

/// Remembers keys for a while. Bound: `capacity`, the oldest gives way.
#[derive(Debug, Clone)]
pub(super) struct Tombstones {
    ttl_ms: u64,
    capacity: usize,
    dead: BTreeMap<Key, Millis>,
    order: VecDeque<(Millis, Key)>,
}

impl Tombstones {
    pub(super) const fn new(ttl_ms: u64, capacity: usize) -> Self {
        Self {
            ttl_ms,
            capacity,
            dead: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn bury(&mut self, now: Millis, key: Key) {
        self.order.push_back((now, key.clone()));
        self.dead.insert(key, now);
        while self.order.len() > self.capacity {
            self.forget_oldest();
        }
    }

    pub(super) fn holds(&mut self, now: Millis, key: &Key) -> bool {
        while self
            .order
            .front()
            .is_some_and(|(since, _)| now.since(*since) > self.ttl_ms)
        {
            self.forget_oldest();
        }
        self.dead.contains_key(key)
    }

    fn forget_oldest(&mut self) {
        if let Some((since, key)) = self.order.pop_front()
            && self.dead.get(&key) == Some(&since)
        {
            self.dead.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::LaneId;

    fn key(seq: u64) -> Key {
        (LaneId::default(), seq)
    }

    #[test]
    fn the_dead_are_remembered_for_a_minute_and_up_to_the_bound() {
        let mut tombstones = Tombstones::new(60_000, 2);
        for seq in 1..=3 {
            tombstones.bury(Millis(seq), key(seq));
        }
        assert!(!tombstones.holds(Millis(3), &key(1)));
        assert!(tombstones.holds(Millis(60_002), &key(2)));
        assert!(!tombstones.holds(Millis(60_003), &key(2)));
        assert!(tombstones.holds(Millis(60_003), &key(3)));
    }
}
