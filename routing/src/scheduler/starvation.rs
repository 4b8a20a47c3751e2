//! Who has waited too long (atp.md 18.2, GAP-330).

use std::collections::{BTreeMap, VecDeque};

use atp_protocol::units::Millis;

use super::item::{FlowId, clamped_weight};

/// Waits remembered per tier.
const WAITS: usize = 100;
/// Least threshold in milliseconds.
const FLOOR_MS: u64 = 10;
/// Threshold before anything was granted, in milliseconds.
const UNKNOWN_MS: u64 = 50;
/// Grants of which at most one may be out of turn.
const GRANTS_PER_OVERRIDE: u32 = 4;
/// After this long no boost is left, in milliseconds: 2 · 0.9^7 < 1.05.
const BOOST_MS: u64 = 7_000;

/// The wait above which an item counts as starved: the 95th percentile of recent waits, in milliseconds.
///
/// `sorted`: recent waits in ascending order.
#[must_use]
pub fn starvation_threshold_ms(sorted: &[u64]) -> u64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return UNKNOWN_MS;
    };
    // floor(n * 0.95) in whole numbers
    let at = (sorted.len() * 95 / 100).min(last);
    sorted[at].max(FLOOR_MS)
}

/// A flow's weight `elapsed_s` seconds after its item starved: doubled, decaying by a tenth each second, and the plain
/// weight again once within 5 % of it.
#[must_use]
pub fn boosted_weight(weight: f64, elapsed_s: f64) -> f64 {
    let weight = clamped_weight(weight);
    let boosted = 2.0 * weight * 0.9_f64.powf(elapsed_s.max(0.0));
    match boosted <= 1.05 * weight {
        true => weight,
        false => boosted,
    }
}

/// When flows of one tier were boosted last.
#[derive(Debug, Clone, Default)]
pub(super) struct Boosts {
    at: BTreeMap<FlowId, Millis>,
    /// The same in the order of time; a flow boosted again stands here twice for a while.
    order: VecDeque<(Millis, FlowId)>,
}

impl Boosts {
    /// An item of the flow starved.
    pub(super) fn boost(&mut self, now: Millis, flow: &FlowId) {
        while let Some((at, _)) = self.order.front()
            && now.since(*at) >= BOOST_MS
        {
            if let Some((at, flow)) = self.order.pop_front()
                && self.at.get(&flow) == Some(&at)
            {
                self.at.remove(&flow);
            }
        }
        self.at.insert(flow.clone(), now);
        self.order.push_back((now, flow.clone()));
    }

    /// The flow's weight, boosted or not.
    pub(super) fn weight(&self, now: Millis, flow: &FlowId, weight: f64) -> f64 {
        match self.at.get(flow) {
            Some(at) => boosted_weight(weight, now.since(*at) as f64 / 1_000.0),
            None => clamped_weight(weight),
        }
    }
}

/// Recent waits of one tier, and how many grants went by since the last that was out of turn.
#[derive(Debug, Clone)]
pub(super) struct Waits {
    recent: VecDeque<u64>,
    sorted: Vec<u64>,
    since_override: u32,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            recent: VecDeque::with_capacity(WAITS),
            sorted: Vec::with_capacity(WAITS),
            since_override: GRANTS_PER_OVERRIDE,
        }
    }
}

impl Waits {
    /// Whether an item that has waited so long may go before its turn.
    pub(super) fn is_starved(&self, waited_ms: u64) -> bool {
        self.since_override + 1 >= GRANTS_PER_OVERRIDE && waited_ms > starvation_threshold_ms(&self.sorted)
    }

    /// An item was granted after that long.
    pub(super) fn observe(&mut self, waited_ms: u64, was_starved: bool) {
        self.since_override = match was_starved {
            true => 0,
            false => self.since_override.saturating_add(1),
        };
        if self.recent.len() == WAITS
            && let Some(oldest) = self.recent.pop_front()
            && let Ok(at) = self.sorted.binary_search(&oldest)
        {
            self.sorted.remove(at);
        }
        self.recent.push_back(waited_ms);
        let at = self.sorted.partition_point(|&wait| wait < waited_ms);
        self.sorted.insert(at, waited_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_grant_of_four_may_be_out_of_turn() {
        let mut waits = Waits::default();
        let mut turns = Vec::new();
        for _ in 0..9 {
            let is_starved = waits.is_starved(1_000);
            turns.push(is_starved);
            waits.observe(1, is_starved);
        }
        let starved = |at: &usize| turns[*at];
        assert_eq!((0..9).filter(starved).collect::<Vec<_>>(), [0, 4, 8]);
    }

    #[test]
    fn only_the_last_hundred_waits_count() {
        let mut waits = Waits::default();
        for _ in 0..100 {
            waits.observe(500, false);
        }
        assert!(!waits.is_starved(500));
        for _ in 0..100 {
            waits.observe(20, false);
        }
        assert_eq!(waits.sorted, [20; 100]);
        assert!(waits.is_starved(21));
    }
}
