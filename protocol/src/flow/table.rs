//! Adaptive windows by key, forgotten when idle (atp.md 16.3).

use std::collections::BTreeMap;

use super::{Adjustment, Aimd, AimdConfig, Signal};
use crate::units::Millis;

/// Windows of sessions or agents.
///
/// Bound: `capacity` keys. A key beyond it has the base window and is not remembered, which is what it would have as a
/// newcomer; [`AimdTable::prune`] makes room.
#[derive(Debug)]
pub struct AimdTable<K> {
    config: AimdConfig,
    idle_ttl_ms: u64,
    capacity: usize,
    windows: BTreeMap<K, (Aimd, Millis)>,
}

impl<K: Ord> AimdTable<K> {
    /// An empty table. `idle_ttl_ms`: after so long without a signal a window is forgotten.
    #[must_use]
    pub const fn new(config: AimdConfig, idle_ttl_ms: u64, capacity: usize) -> Self {
        Self {
            config,
            idle_ttl_ms,
            capacity,
            windows: BTreeMap::new(),
        }
    }

    /// The window of a key, in calls.
    #[must_use]
    pub fn current(&self, key: &K) -> u32 {
        self.windows
            .get(key)
            .map_or_else(|| Aimd::new(self.config).current(), |(aimd, _)| aimd.current())
    }

    /// Applies what happened to a call of `key`. `jitter`: from −1 to 1.
    pub fn signal(&mut self, now: Millis, key: K, signal: Signal, jitter: f64) -> Adjustment {
        if self.windows.len() >= self.capacity && !self.windows.contains_key(&key) {
            return Aimd::new(self.config).signal(now, signal, jitter);
        }
        let (aimd, touched) = self
            .windows
            .entry(key)
            .or_insert_with(|| (Aimd::new(self.config), now));
        *touched = now;
        aimd.signal(now, signal, jitter)
    }

    /// Replaces how all windows move, as the tuner asks.
    pub fn configure(&mut self, config: AimdConfig) {
        self.config = config;
        for (aimd, _) in self.windows.values_mut() {
            aimd.configure(config);
        }
    }

    /// Forgets idle windows and returns how many (`flow_window_pruned_total`).
    pub fn prune(&mut self, now: Millis) -> usize {
        let before = self.windows.len();
        let idle_ttl_ms = self.idle_ttl_ms;
        self.windows
            .retain(|_, (_, touched)| now.since(*touched) < idle_ttl_ms);
        before - self.windows.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_windows_are_forgotten_and_strangers_have_the_base() {
        let mut table = AimdTable::new(AimdConfig::default(), 300_000, 1);
        table.signal(Millis(0), "a", Signal::Failure, 0.0);
        assert_eq!((table.current(&"a"), table.current(&"b")), (2, 4));
        assert_eq!(table.signal(Millis(0), "b", Signal::Failure, 0.0).current, 2);
        assert_eq!(
            table.current(&"b"),
            4,
            "beyond the capacity nothing is remembered"
        );
        assert_eq!(table.prune(Millis(299_999)), 0);
        assert_eq!(table.prune(Millis(300_000)), 1);
        assert_eq!(table.current(&"a"), 4);
    }
}
