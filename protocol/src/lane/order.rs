//! Puts received messages of one lane in order (atp.md 10.1).

use std::collections::BTreeMap;

/// How far ahead of the expected number a message may be.
pub const AHEAD_MAX: u64 = 256;

/// Which numbers a lane may begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Start {
    /// 0 or 1, whichever comes.
    ZeroOrOne,
    /// Whatever comes first: streams of connections without hello.
    Any,
}

/// Where a number stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Position {
    /// It is the one expected.
    Next,
    /// It is to be buffered.
    Ahead,
    /// It was delivered, skipped or buffered before.
    Duplicate,
    /// It is more than [`AHEAD_MAX`] ahead: refused with `EWINDOW`.
    TooFar,
}

/// The receiving side of one lane.
///
/// Bound: at most [`AHEAD_MAX`] messages are buffered. What lies further ahead is refused, not dropped silently.
#[derive(Debug, Clone)]
pub struct ReceiveOrder<M> {
    /// The number to deliver next; `None` before the first.
    expected: Option<u64>,
    start: Start,
    /// Complete messages ahead of a gap; `None` for one that was given up.
    ahead: BTreeMap<u64, Option<M>>,
}

impl<M> ReceiveOrder<M> {
    /// A lane that has received nothing.
    #[must_use]
    pub const fn new(start: Start) -> Self {
        Self {
            expected: None,
            start,
            ahead: BTreeMap::new(),
        }
    }

    /// A lane that continues: everything up to `cum` was received before.
    #[must_use]
    pub const fn after(cum: u64) -> Self {
        Self {
            expected: Some(cum + 1),
            start: Start::ZeroOrOne,
            ahead: BTreeMap::new(),
        }
    }

    /// The highest number up to which everything is delivered or given up; 0 if nothing is.
    #[must_use]
    pub fn cum(&self) -> u64 {
        self.expected.map_or(0, |expected| expected.saturating_sub(1))
    }

    /// Where `seq` stands.
    #[must_use]
    pub fn position(&self, seq: u64) -> Position {
        let expected = match (self.expected, self.start) {
            (Some(expected), _) => expected,
            (None, Start::Any) => seq,
            (None, Start::ZeroOrOne) if seq == 0 => 0,
            (None, Start::ZeroOrOne) => 1,
        };
        if seq < expected || self.ahead.contains_key(&seq) {
            Position::Duplicate
        } else if seq == expected {
            Position::Next
        } else if seq - expected <= AHEAD_MAX {
            Position::Ahead
        } else {
            Position::TooFar
        }
    }

    /// Takes a complete message and returns what can be delivered, in order: nothing while a gap is before it.
    /// A duplicate and a message too far ahead are dropped; ask [`Self::position`] first.
    pub fn accept(&mut self, seq: u64, message: M) -> Vec<M> {
        self.place(seq, Some(message))
    }

    /// Gives a message up, so that the lane goes on without it. Returns what can be delivered then.
    pub fn skip(&mut self, seq: u64) -> Vec<M> {
        self.place(seq, None)
    }

    /// Messages that wait for an earlier one.
    pub fn waiting(&self) -> impl Iterator<Item = &M> {
        self.ahead.values().flatten()
    }

    /// The first missing number, if something beyond it is buffered.
    #[must_use]
    pub fn gap(&self) -> Option<u64> {
        let (&first, _) = self.ahead.first_key_value()?;
        let expected = self.expected.unwrap_or(1);
        (first > expected).then_some(expected)
    }

    fn place(&mut self, seq: u64, message: Option<M>) -> Vec<M> {
        match self.position(seq) {
            Position::Duplicate | Position::TooFar => return Vec::new(),
            Position::Ahead => {
                self.ahead.insert(seq, message);
                return Vec::new();
            }
            Position::Next => {}
        }
        let mut delivered: Vec<M> = message.into_iter().collect();
        let mut next = seq + 1;
        while let Some(message) = self.ahead.remove(&next) {
            delivered.extend(message);
            next += 1;
        }
        self.expected = Some(next);
        delivered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_gap_holds_back_what_follows() {
        let mut order = ReceiveOrder::new(Start::ZeroOrOne);
        assert_eq!(order.accept(3, "c"), [""; 0]);
        assert_eq!(order.gap(), Some(1));
        assert_eq!(order.accept(1, "a"), ["a"]);
        assert_eq!((order.gap(), order.cum()), (Some(2), 1));
        assert_eq!(order.accept(2, "b"), ["b", "c"]);
        assert_eq!((order.gap(), order.cum()), (None, 3));
    }

    #[test]
    fn a_lane_begins_with_zero_or_one_or_on_legacy_with_anything() {
        for first in [0, 1] {
            let mut order = ReceiveOrder::new(Start::ZeroOrOne);
            assert_eq!(order.accept(first, ()).len(), 1);
            assert_eq!(order.cum(), first);
        }
        assert_eq!(
            ReceiveOrder::<()>::new(Start::ZeroOrOne).position(2),
            Position::Ahead
        );
        let mut legacy = ReceiveOrder::new(Start::Any);
        assert_eq!(legacy.accept(700, ()).len(), 1);
        assert_eq!(legacy.position(699), Position::Duplicate);
        assert_eq!(legacy.position(701), Position::Next);
    }

    #[test]
    fn duplicates_and_what_is_too_far_are_told_apart() {
        let mut order = ReceiveOrder::after(9);
        assert_eq!(order.position(9), Position::Duplicate);
        assert_eq!(order.position(10 + 256), Position::Ahead);
        assert_eq!(order.position(10 + 257), Position::TooFar);
        order.accept(12, ());
        assert_eq!(order.position(12), Position::Duplicate);
        assert!(order.accept(12, ()).is_empty());
    }

    #[test]
    fn a_message_given_up_does_not_hold_the_lane() {
        let mut order = ReceiveOrder::after(0);
        order.accept(2, "b");
        assert_eq!(order.skip(1), ["b"]);
        assert!(order.skip(4).is_empty());
        assert_eq!(order.accept(3, "c"), ["c"]);
        assert_eq!(order.cum(), 4);
    }

    proptest! {
        #[test]
        fn any_order_with_repeats_is_delivered_once_and_in_order(
            arrivals in proptest::collection::vec(1_u64..40, 0..200),
        ) {
            let mut order = ReceiveOrder::new(Start::ZeroOrOne);
            let mut delivered = Vec::new();
            for &seq in &arrivals {
                delivered.extend(order.accept(seq, seq));
            }
            for seq in 1..40 {
                delivered.extend(order.accept(seq, seq));
            }
            prop_assert_eq!(delivered, (1..40).collect::<Vec<_>>());
            prop_assert_eq!(order.cum(), 39);
        }
    }
}
