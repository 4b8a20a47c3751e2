//! How long what waits is held back for others to join it.
//!
//! Writers that were just answered tend to write again at once. If what waits goes off before they are back, two crowds take turns,
//! each waits for the entry of the other, and every entry costs a sync for half of them. So after an entry of a crowd the next one waits for
//! most of it to be back, at most [`LONGEST`], and only as long as that pays: where they do not come back, it is tried ever
//! less often. A writer that is alone is never held back.

use std::time::Duration;

/// Longest wait for those who were answered: about what an entry takes.
pub(super) const LONGEST: Duration = Duration::from_millis(1);

/// Answers that make a crowd.
const CROWD: usize = 2;
/// Most crowds in a row for which nobody waits after waits in vain.
const MOST_SKIPPED: u32 = 256;

/// What became of earlier waits.
#[derive(Debug, Default)]
pub(super) struct Hold {
    /// How many must wait until the next entry goes off; `None` when it goes off at once.
    target: Option<usize>,
    /// Crowds that will not be waited for.
    skip: u32,
    /// As many were skipped after the last wait in vain.
    skipped: u32,
}

impl Hold {
    /// An entry with `answered` commands was applied, while `waiting` others wait. Whether the next one is held back.
    pub(super) fn landed(&mut self, answered: usize, waiting: usize) -> bool {
        self.target = None;
        if answered >= CROWD {
            if self.skip > 0 {
                self.skip -= 1;
            } else {
                self.target = Some(waiting + answered - answered / 4);
            }
        }
        self.target.is_some()
    }

    /// Whether the next entry may go off, as `waiting` commands wait.
    pub(super) fn may_go(&mut self, waiting: usize) -> bool {
        let is_there = self.target.is_none_or(|target| waiting >= target);
        if is_there && self.target.take().is_some() {
            self.skipped = 0;
        }
        is_there
    }

    /// The longest wait is over.
    pub(super) fn in_vain(&mut self) {
        if self.target.take().is_some() {
            self.skipped = (self.skipped * 2).clamp(1, MOST_SKIPPED);
            self.skip = self.skipped;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writer_is_never_held_back() {
        let mut hold = Hold::default();
        assert!(!hold.landed(1, 0));
        assert!(hold.may_go(1));
    }

    #[test]
    fn the_next_entry_waits_for_most_of_a_crowd_and_for_those_who_wait_already() {
        let mut hold = Hold::default();
        assert!(hold.landed(32, 10));
        assert!(!hold.may_go(33));
        assert!(hold.may_go(34));
        assert!(hold.may_go(1), "the wait has ended");
    }

    #[test]
    fn waits_in_vain_grow_rare_and_one_that_paid_makes_them_common_again() {
        let mut hold = Hold::default();
        let mut waits = 0;
        for _ in 0..10_000 {
            if hold.landed(8, 0) {
                waits += 1;
                hold.in_vain();
            }
        }
        assert!((40..60).contains(&waits), "{waits}");
        while !hold.landed(8, 0) {}
        assert!(hold.may_go(6));
        assert!(hold.landed(8, 0));
    }
}
