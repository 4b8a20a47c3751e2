//! Numbers outgoing messages (atp.md 10.1).

use std::collections::BTreeMap;

use crate::limits::MSG_SEQ_MAX;

/// The lane has used every number; its stream is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("every msg_seq of the lane is used; open a new stream")]
pub struct Exhausted;

/// One counter a lane. `K` names the lane within whatever the sequencer serves.
#[derive(Debug, Clone)]
pub struct Sequencer<K> {
    lanes: BTreeMap<K, Counter>,
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    /// How many lanes were used before this one.
    rank: usize,
    last: u64,
}

impl<K> Default for Sequencer<K> {
    fn default() -> Self {
        Self {
            lanes: BTreeMap::new(),
        }
    }
}

impl<K: Ord + Clone> Sequencer<K> {
    /// The next number of a lane; the first is 1.
    ///
    /// # Errors
    /// [`Exhausted`] past [`MSG_SEQ_MAX`].
    pub fn next(&mut self, lane: &K) -> Result<u64, Exhausted> {
        let counter = self.counter(lane);
        if counter.last >= MSG_SEQ_MAX {
            return Err(Exhausted);
        }
        counter.last += 1;
        Ok(counter.last)
    }

    /// The last number given to a lane; 0 before the first.
    #[must_use]
    pub fn current(&self, lane: &K) -> u64 {
        self.lanes.get(lane).map_or(0, |counter| counter.last)
    }

    /// Continues a lane after `last`: a stream taken over from its record, or an unused lane at 0.
    pub fn restore(&mut self, lane: &K, last: u64) {
        self.counter(lane).last = last;
    }

    /// Lanes in the order of their first use.
    #[must_use]
    pub fn active(&self) -> Vec<&K> {
        let mut lanes: Vec<_> = self.lanes.iter().collect();
        lanes.sort_by_key(|(_, counter)| counter.rank);
        lanes.into_iter().map(|(lane, _)| lane).collect()
    }

    fn counter(&mut self, lane: &K) -> &mut Counter {
        let rank = self.lanes.len();
        self.lanes
            .entry(lane.clone())
            .or_insert(Counter { rank, last: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_count_independently_from_one() {
        let mut sequencer = Sequencer::default();
        assert_eq!(sequencer.next(&"b"), Ok(1));
        assert_eq!(sequencer.next(&"a"), Ok(1));
        assert_eq!(sequencer.next(&"b"), Ok(2));
        assert_eq!((sequencer.current(&"b"), sequencer.current(&"c")), (2, 0));
        assert_eq!(sequencer.active(), [&"b", &"a"]);
    }

    #[test]
    fn the_last_number_is_the_last() {
        let mut sequencer = Sequencer::default();
        sequencer.restore(&"a", MSG_SEQ_MAX - 1);
        assert_eq!(sequencer.next(&"a"), Ok(MSG_SEQ_MAX));
        assert_eq!(sequencer.next(&"a"), Err(Exhausted));
    }
}
