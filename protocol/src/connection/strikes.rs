//! Counts failures that end a connection when they come too close together.

use std::collections::VecDeque;

use crate::units::Millis;

/// So many failures in so long are too many. Bound: the limit.
#[derive(Debug)]
pub(super) struct Strikes {
    limit: usize,
    times: VecDeque<Millis>,
}

const WINDOW_MS: u64 = 60_000;

impl Strikes {
    /// `limit` failures in a minute are too many.
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            times: VecDeque::new(),
        }
    }

    /// One more failure; true if they are too many.
    pub(super) fn strike(&mut self, now: Millis) -> bool {
        while self
            .times
            .front()
            .is_some_and(|&time| now.since(time) >= WINDOW_MS)
        {
            self.times.pop_front();
        }
        self.times.push_back(now);
        self.times.len() >= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_of_the_last_minute_count() {
        let mut strikes = Strikes::new(3);
        let struck: Vec<_> = [0, 1, 60_000, 60_001, 60_002]
            .map(|now| strikes.strike(Millis(now)))
            .to_vec();
        assert_eq!(struck, [false, false, false, false, true]);
    }
}
