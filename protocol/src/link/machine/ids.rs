//! Correlation ids: odd from the dialling side, even from the other, rising from each.

use crate::link::Correlation;

/// Which end of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Made the connection.
    Dialled,
    /// Accepted it.
    Accepted,
}

#[derive(Debug)]
pub(super) struct Ids {
    /// The next of this side.
    next: u64,
    /// The last of the other, 0 before the first.
    theirs: u64,
}

impl Ids {
    pub(super) const fn new(side: Side) -> Self {
        let next = match side {
            Side::Dialled => 1,
            Side::Accepted => 2,
        };
        Self { next, theirs: 0 }
    }

    /// A fresh one. 2^63 of them outlast any connection.
    pub(super) const fn mint(&mut self) -> Correlation {
        let id = Correlation(self.next);
        self.next += 2;
        id
    }

    /// This side named it, or would.
    pub(super) const fn is_ours(&self, id: Correlation) -> bool {
        id.0 % 2 == self.next % 2
    }

    /// It was in use on this connection, by either side.
    pub(super) const fn was_used(&self, id: Correlation) -> bool {
        match self.is_ours(id) {
            true => id.0 < self.next,
            false => id.0 != 0 && id.0 <= self.theirs,
        }
    }

    /// Takes the next of the other side; false if it is none.
    pub(super) const fn take(&mut self, id: Correlation) -> bool {
        let is_next = !self.is_ours(id) && id.0 > self.theirs;
        if is_next {
            self.theirs = id.0;
        }
        is_next
    }
}
