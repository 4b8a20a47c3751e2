//! Order inside a lane (atp.md 19.4, GAP-112).
//!
//! At the bounds: at `capacity` tokens held back the lane is to be paused. What still arrives meanwhile is held up to twice
//! that; beyond, the hole is given up at once instead of after its time. One chunk always fits.

use std::collections::BTreeMap;

use atp_protocol::units::Millis;

/// Bytes a token may stand for at most, so that a wrong count cannot hide the size of what is held.
const MAX_TOKEN_BYTES: u64 = 16;

/// Chunks that came before their turn.
#[derive(Debug, Clone)]
pub(in crate::session) struct Reorder<T> {
    next: u64,
    /// Chunk `next`, if it came in its turn: most lanes never hold anything else.
    in_turn: Option<(T, u64)>,
    held: BTreeMap<u64, (T, u64)>,
    held_tokens: u64,
    capacity: u64,
    hole_since: Option<Millis>,
    /// Holes given up.
    pub(in crate::session) gaps: u32,
    /// Longest wait for a hole, in milliseconds.
    pub(in crate::session) longest_wait_ms: u64,
    /// Duplicates and chunks of holes given up.
    pub(in crate::session) dropped: u32,
}

/// What a chunk counts: its tokens if stated, else a quarter of its bytes; at least 1.
pub(in crate::session) fn tokens_of(stated: Option<u32>, bytes: usize) -> u64 {
    let bytes = bytes as u64;
    stated
        .map_or(bytes.div_ceil(4), u64::from)
        .max(bytes.div_ceil(MAX_TOKEN_BYTES))
        .max(1)
}

impl<T> Reorder<T> {
    pub(in crate::session) fn new(capacity: u64) -> Self {
        Self {
            next: 1,
            in_turn: None,
            held: BTreeMap::new(),
            held_tokens: 0,
            capacity: capacity.max(1),
            hole_since: None,
            gaps: 0,
            longest_wait_ms: 0,
            dropped: 0,
        }
    }

    /// Forgets what is held and begins anew; the figures stay.
    pub(in crate::session) fn restart(&mut self) {
        self.next = 1;
        self.in_turn = None;
        self.held.clear();
        self.held_tokens = 0;
        self.hole_since = None;
    }

    /// Takes chunk `seq`; a duplicate or late one is dropped.
    pub(in crate::session) fn push(&mut self, now: Millis, seq: u64, chunk: T, tokens: u64) {
        let is_next = seq == self.next;
        if seq < self.next || self.held.contains_key(&seq) || (is_next && self.in_turn.is_some()) {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        self.held_tokens = self.held_tokens.saturating_add(tokens);
        if is_next {
            self.in_turn = Some((chunk, tokens));
        } else {
            self.held.insert(seq, (chunk, tokens));
            self.hole_since.get_or_insert(now);
        }
    }

    /// The next chunk in order, if it is there or too much waits for it.
    pub(in crate::session) fn pop(&mut self, now: Millis) -> Option<T> {
        if self.held.len() > 1 && self.held_tokens > self.capacity.saturating_mul(2) {
            self.skip(now);
        }
        let (chunk, tokens) = match self.in_turn.take() {
            Some(chunk) => chunk,
            None => self.held.remove(&self.next)?,
        };
        self.next += 1;
        self.held_tokens -= tokens;
        // The wait for a hole ends here; if another one follows, its wait begins.
        if let Some(since) = self.hole_since.take() {
            self.longest_wait_ms = self.longest_wait_ms.max(now.since(since));
        }
        self.hole_since = (!self.held.is_empty()).then_some(now);
        Some(chunk)
    }

    /// Gives up the hole and goes on with what is held; [`Self::pop`] follows.
    pub(in crate::session) fn skip(&mut self, now: Millis) {
        if self.in_turn.is_none()
            && let Some((&first, _)) = self.held.first_key_value()
            && first > self.next
        {
            self.longest_wait_ms = self
                .longest_wait_ms
                .max(self.hole_since.map_or(0, |since| now.since(since)));
            self.gaps = self.gaps.saturating_add(1);
            self.next = first;
        }
    }

    /// Gives up chunks up to `last` that never came, when nothing is held beyond them.
    pub(in crate::session) fn skip_tail(&mut self, last: u64) {
        if self.is_empty() && self.next <= last {
            self.gaps = self.gaps.saturating_add(1);
            self.next = last.saturating_add(1);
            self.hole_since = None;
        }
    }

    /// Waits for the tail as for a hole.
    pub(in crate::session) fn await_tail(&mut self, now: Millis) {
        self.hole_since.get_or_insert(now);
    }

    /// Whether all up to `last` were popped or given up; without `last`, whether nothing is held back.
    pub(in crate::session) fn is_complete(&self, last: Option<u64>) -> bool {
        self.is_empty() && last.is_none_or(|last| self.next > last)
    }

    fn is_empty(&self) -> bool {
        self.in_turn.is_none() && self.held.is_empty()
    }

    /// Whether the lane is to be paused.
    pub(in crate::session) fn is_full(&self) -> bool {
        self.held_tokens >= self.capacity
    }

    /// Since when a chunk is missing.
    pub(in crate::session) fn hole_since(&self) -> Option<Millis> {
        self.hole_since
    }

    /// Tokens held back.
    #[cfg(test)]
    pub(in crate::session) fn held_tokens(&self) -> u64 {
        self.held_tokens
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drain(reorder: &mut Reorder<u64>, now: u64) -> Vec<u64> {
        std::iter::from_fn(|| reorder.pop(Millis(now))).collect()
    }

    #[test]
    fn a_hole_is_waited_for_and_given_up() {
        let mut reorder = Reorder::new(256);
        reorder.push(Millis(10), 2, 2, 1);
        assert!(drain(&mut reorder, 10).is_empty());
        assert_eq!(reorder.hole_since(), Some(Millis(10)));
        reorder.skip(Millis(5_010));
        assert_eq!(drain(&mut reorder, 5_010), [2]);
        assert_eq!((reorder.gaps, reorder.longest_wait_ms), (1, 5_000));
        reorder.push(Millis(5_020), 1, 1, 1);
        assert!(drain(&mut reorder, 5_020).is_empty());
        assert_eq!(reorder.dropped, 1);
    }

    #[test]
    fn a_full_buffer_pauses_and_a_flooded_one_gives_up_the_hole() {
        let mut reorder = Reorder::new(4);
        reorder.push(Millis(0), 2, 2, 100);
        assert!(reorder.is_full(), "one chunk always fits");
        reorder.push(Millis(0), 3, 3, 1);
        assert_eq!(drain(&mut reorder, 0), [2, 3]);
        assert!(!reorder.is_full());
        assert_eq!(reorder.gaps, 1);
    }

    #[test]
    fn a_count_cannot_hide_the_size() {
        assert_eq!(tokens_of(None, 9), 3);
        assert_eq!(tokens_of(Some(7), 9), 7);
        assert_eq!(tokens_of(Some(0), 0), 1);
        assert_eq!(tokens_of(Some(1), 1_600), 100);
    }

    proptest! {
        #[test]
        fn any_order_of_arrival_is_delivered_in_order(
            order in Just((1_u64..=20).collect::<Vec<_>>()).prop_shuffle(),
            repeats in prop::collection::vec(1_u64..=20, 0..10),
        ) {
            let mut reorder = Reorder::new(256);
            let mut delivered = Vec::new();
            for seq in order.into_iter().chain(repeats) {
                reorder.push(Millis(0), seq, seq, 1);
                delivered.extend(drain(&mut reorder, 0));
            }
            prop_assert_eq!(delivered, (1..=20).collect::<Vec<_>>());
            prop_assert!(reorder.is_complete(Some(20)));
            prop_assert_eq!(reorder.hole_since(), None);
        }

        #[test]
        fn what_is_held_is_bounded_and_order_never_breaks(
            arrivals in prop::collection::vec((0_u64..200, 1_u64..20), 0..200),
        ) {
            let mut reorder = Reorder::new(16);
            let mut last = 0;
            for (seq, tokens) in arrivals {
                reorder.push(Millis(0), seq, seq, tokens);
                for delivered in drain(&mut reorder, 0) {
                    prop_assert!(delivered > last || (delivered == 0 && last == 0));
                    last = delivered;
                }
                prop_assert!(reorder.held_tokens() <= 2 * 16 + 20);
            }
        }
    }
}
