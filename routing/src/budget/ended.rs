//! The ids of holds that ended, so that a repeat is told from news.

use std::collections::{BTreeSet, VecDeque};

use super::HoldId;

/// The last ids, at most `max` of them; the oldest is forgotten first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    max: usize,
    order: VecDeque<HoldId>,
    ids: BTreeSet<HoldId>,
}

impl Ended {
    pub(super) const fn new(max: usize) -> Self {
        Self {
            max,
            order: VecDeque::new(),
            ids: BTreeSet::new(),
        }
    }

    pub(super) fn contains(&self, id: &HoldId) -> bool {
        self.ids.contains(id)
    }

    pub(super) fn remember(&mut self, id: HoldId) {
        if self.max == 0 || !self.ids.insert(id.clone()) {
            return;
        }
        if self.order.len() >= self.max
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        self.order.push_back(id);
    }

    /// Oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &HoldId> {
        self.order.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_id_is_forgotten_first() {
        let id = |n: u32| HoldId::new(&format!("r{n}")).unwrap();
        let mut ended = Ended::new(2);
        for n in [1, 2, 2, 3] {
            ended.remember(id(n));
        }
        assert!(!ended.contains(&id(1)));
        assert_eq!(ended.iter().cloned().collect::<Vec<_>>(), [id(2), id(3)]);
    }
}
