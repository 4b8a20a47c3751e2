//! When an adapter's health is asked for again: one that failed is asked sooner, so that a provider which comes up after
//! the node is found within a second or two, and one that stays away is left to the configured interval.

use std::time::Duration;

/// After the first poll that failed; each further one doubles it, up to the configured interval.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The rhythm of one adapter's health polls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Polls {
    every: Duration,
    after_failure: Duration,
}

impl Polls {
    /// `every` lies between two polls of an adapter that is well.
    pub(super) const fn new(every: Duration) -> Self {
        Self {
            every,
            after_failure: AFTER_FAILURE,
        }
    }

    /// How long to wait after a poll that ended with `is_up`.
    pub(super) fn next(&mut self, is_up: bool) -> Duration {
        if is_up {
            self.after_failure = AFTER_FAILURE;
            return self.every;
        }
        let wait = self.after_failure.min(self.every);
        self.after_failure = wait.saturating_mul(2);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits<const N: usize>(every: u64, polls: [bool; N]) -> [u128; N] {
        let mut rhythm = Polls::new(Duration::from_millis(every));
        polls.map(|is_up| rhythm.next(is_up).as_millis())
    }

    #[test]
    fn one_that_is_down_is_asked_sooner_and_then_ever_later_up_to_the_interval() {
        let down = [false; 6];
        assert_eq!(waits(10_000, down), [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    }

    #[test]
    fn one_that_is_up_is_asked_at_the_interval_and_starts_over_when_it_goes_down() {
        let polls = [false, false, true, true, false];
        assert_eq!(waits(10_000, polls), [1_000, 2_000, 10_000, 10_000, 1_000]);
    }

    #[test]
    fn an_interval_below_the_first_wait_is_kept() {
        assert_eq!(waits(200, [false, false, true, false]), [200; 4]);
    }
}
