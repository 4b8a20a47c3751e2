//! Which missing fragments are asked for, and how fast (atp.md 11.2).

use std::collections::BTreeMap;

use crate::units::Millis;

/// Most indices of one NACK.
pub const NACK_MAX: usize = 256;

/// Bookkeeping of older requests is dropped.
const KEEP_MS: u64 = 60_000;

/// When each index of one message was last asked for.
#[derive(Debug, Clone)]
pub struct RetransmitQueue {
    ttl_ms: u64,
    asked: BTreeMap<u32, Millis>,
}

impl RetransmitQueue {
    /// Nothing asked for. `ttl_ms`: an index is asked for again only so long after the last time.
    #[must_use]
    pub const fn new(ttl_ms: u64) -> Self {
        Self {
            ttl_ms,
            asked: BTreeMap::new(),
        }
    }

    /// The indices of `missing` to ask for now, at most `most` (`retransmit_frames_total`).
    pub fn request(&mut self, now: Millis, missing: &[u32], most: usize) -> Vec<u32> {
        self.asked.retain(|_, at| now.since(*at) <= KEEP_MS);
        let due: Vec<u32> = missing
            .iter()
            .copied()
            .filter(|frag_seq| {
                self.asked
                    .get(frag_seq)
                    .is_none_or(|&at| now.since(at) >= self.ttl_ms)
            })
            .take(most.min(NACK_MAX))
            .collect();
        self.asked.extend(due.iter().map(|&frag_seq| (frag_seq, now)));
        due
    }

    /// Forgets everything: the message is complete or given up.
    pub fn clear(&mut self) {
        self.asked.clear();
    }
}

/// Bounds how many indices of a stream are asked for: 64 in 100 ms, give or take a fifth.
#[derive(Debug, Clone, Default)]
pub struct NackPacer {
    window: Millis,
    used: usize,
}

impl NackPacer {
    const RATE: f64 = 64.0;
    const WINDOW_MS: u64 = 100;
    const SPREAD: f64 = 0.2;

    /// How many indices may be asked for now. `jitter`: drawn uniformly from −1 to 1, so that receivers of one loss do not
    /// ask in step.
    pub fn allowance(&mut self, now: Millis, jitter: f64) -> usize {
        if now.since(self.window) >= Self::WINDOW_MS {
            self.window = now;
            self.used = 0;
        }
        let rate = Self::RATE * (1.0 + Self::SPREAD * jitter.clamp(-1.0, 1.0));
        (rate as usize).saturating_sub(self.used)
    }

    /// Takes `count` of the allowance.
    pub fn take(&mut self, count: usize) {
        self.used += count;
    }

    /// When the allowance is whole again.
    #[must_use]
    pub fn renewed(&self) -> Millis {
        self.window.plus(Self::WINDOW_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_asked_for_again_after_its_time() {
        let mut queue = RetransmitQueue::new(500);
        assert_eq!(queue.request(Millis(0), &[1, 2], 9), [1, 2]);
        assert!(queue.request(Millis(499), &[1, 2], 9).is_empty());
        assert_eq!(queue.request(Millis(500), &[1, 2, 3], 2), [1, 2]);
        assert_eq!(queue.request(Millis(500), &[1, 2, 3], 2), [3]);
        let many: Vec<u32> = (0..400).collect();
        assert_eq!(queue.request(Millis(9_000), &many, usize::MAX).len(), NACK_MAX);
    }

    #[test]
    fn requests_of_a_stream_are_paced() {
        let mut pacer = NackPacer::default();
        assert_eq!(pacer.allowance(Millis(1_000), 0.0), 64);
        pacer.take(60);
        assert_eq!(pacer.allowance(Millis(1_099), 0.0), 4);
        assert_eq!(pacer.allowance(Millis(1_099), -1.0), 0);
        assert_eq!(pacer.renewed(), Millis(1_100));
        assert_eq!(pacer.allowance(Millis(1_100), 1.0), 76);
    }
}
