//! Which fragments of one message have arrived (atp.md 11.1).

use crate::limits::FRAG_SEQ_MAX;

const WORDS: usize = (FRAG_SEQ_MAX as usize + 1) / 64;

/// The fragments of one message, one bit each.
#[derive(Debug, Clone)]
pub struct Tracker {
    held: Box<[u64; WORDS]>,
    /// Fragments from 0 without a gap.
    contiguous: u32,
    highest: Option<u32>,
    last: Option<u32>,
}

/// What one arrival did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noted {
    /// Fragment positions that became acknowledged by it (`acks_tx`).
    pub newly_acked: u32,
    /// Fragments missing after it; 0 while the last index is not known (`retransmit_requests`).
    pub missing: u32,
}

impl Default for Tracker {
    fn default() -> Self {
        Self {
            held: Box::new([0; WORDS]),
            contiguous: 0,
            highest: None,
            last: None,
        }
    }
}

impl Tracker {
    /// Notes the arrival of a fragment, which may be a repeat. An index above [`FRAG_SEQ_MAX`] is ignored.
    pub fn note(&mut self, frag_seq: u32, is_last: bool) -> Noted {
        let before = self.contiguous;
        if frag_seq <= FRAG_SEQ_MAX {
            self.held[(frag_seq / 64) as usize] |= 1 << (frag_seq % 64);
            self.highest = self.highest.max(Some(frag_seq));
            while self.holds(self.contiguous) {
                self.contiguous += 1;
            }
            if is_last {
                self.set_last(frag_seq);
            }
        }
        Noted {
            newly_acked: self.contiguous - before,
            missing: self.last.map_or(0, |_| self.missing(usize::MAX).len() as u32),
        }
    }

    /// Makes the index of the last fragment known.
    pub fn set_last(&mut self, last: u32) {
        self.last = Some(last);
    }

    /// Whether a fragment is held.
    #[must_use]
    pub fn holds(&self, frag_seq: u32) -> bool {
        frag_seq <= FRAG_SEQ_MAX && self.held[(frag_seq / 64) as usize] & (1 << (frag_seq % 64)) != 0
    }

    /// The highest index up to which all fragments are held; −1 if fragment 0 is not.
    #[must_use]
    pub fn ack_up_to(&self) -> i64 {
        i64::from(self.contiguous) - 1
    }

    /// Whether the last index is known and everything up to it held.
    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.last.is_some_and(|last| self.contiguous > last)
    }

    /// The highest index held.
    #[must_use]
    pub const fn highest(&self) -> Option<u32> {
        self.highest
    }

    /// The index of the last fragment, once known.
    #[must_use]
    pub const fn last(&self) -> Option<u32> {
        self.last
    }

    /// Whether a fragment is held beyond one that is not.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        self.highest.is_some_and(|highest| highest >= self.contiguous)
    }

    /// Missing indices below the last, or while that is not known below the highest held; ascending, at most `most`.
    #[must_use]
    pub fn missing(&self, most: usize) -> Vec<u32> {
        let end = self.last.or(self.highest).unwrap_or(0);
        (self.contiguous..end)
            .filter(|&frag_seq| !self.holds(frag_seq))
            .take(most)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_known_below_the_highest_or_the_last() {
        let mut tracker = Tracker::default();
        tracker.note(3, false);
        assert!(tracker.has_gap());
        assert_eq!(tracker.missing(9), [0, 1, 2]);
        tracker.note(1, false);
        assert_eq!(tracker.missing(1), [0]);
        assert_eq!(tracker.ack_up_to(), -1);
        assert_eq!(tracker.note(0, false).newly_acked, 2);
        tracker.note(2, false);
        assert!(!tracker.has_gap() && !tracker.is_completed());
        tracker.set_last(3);
        assert!(tracker.is_completed());
    }

    #[test]
    fn indices_beyond_the_limit_change_nothing() {
        let mut tracker = Tracker::default();
        tracker.note(FRAG_SEQ_MAX + 1, true);
        tracker.note(u32::MAX, true);
        assert_eq!((tracker.highest(), tracker.last()), (None, None));
        tracker.note(FRAG_SEQ_MAX, true);
        assert_eq!(tracker.missing(usize::MAX).len(), 4095);
    }
}
