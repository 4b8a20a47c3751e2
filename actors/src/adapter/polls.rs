//! When an adapter's health is asked for again: one that failed is asked sooner, so that a provider which comes up after
//! the node is found within a second or two, and one that stays away is left to the configured interval.
//!
//! What others say of it is listened to every second, and taken for news where it is otherwise than before or as old as an answer
//! may become.

use std::time::Duration;

use atp_protocol::adapter::Health;
use atp_protocol::units::Millis;

/// After the first poll that failed; each further one doubles it, up to the configured interval.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Between two looks at what others say.
const LISTEN: Duration = Duration::from_secs(1);

/// The rhythm of one adapter's health polls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Polls {
    every: Duration,
    after_failure: Duration,
    /// What others said last, and when it was passed on.
    heard: Option<(Millis, Health)>,
}

impl Polls {
    /// `every` lies between two polls of an adapter that is well.
    pub(super) const fn new(every: Duration) -> Self {
        Self {
            every,
            after_failure: AFTER_FAILURE,
            heard: None,
        }
    }

    /// Whether the word of others is news, and how long to wait before the next look.
    pub(super) fn hear(&mut self, now: Millis, health: Health) -> (bool, Duration) {
        let is_fresh = |at: Millis| u128::from(now.since(at)) < self.every.as_millis();
        let is_known = self
            .heard
            .is_some_and(|(at, last)| last == health && is_fresh(at));
        if !is_known {
            self.heard = Some((now, health));
        }
        (!is_known, LISTEN.min(self.every))
    }

    /// How long to wait after a poll that ended with `is_up`.
    pub(super) fn next(&mut self, is_up: bool) -> Duration {
        self.heard = None;
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
    fn what_others_say_is_news_when_it_changes_and_again_when_it_is_old() {
        let mut rhythm = Polls::new(Duration::from_secs(10));
        let mut hear = |ms: u64, status| {
            let health = Health {
                status,
                ..Health::HEALTHY
            };
            let (is_news, wait) = rhythm.hear(Millis(ms), health);
            assert_eq!(wait, LISTEN);
            is_news
        };
        use atp_protocol::adapter::HealthStatus::{Healthy, Unhealthy};
        let heard = [
            (0, Healthy),
            (1_000, Healthy),
            (2_000, Unhealthy),
            (3_000, Unhealthy),
            (11_999, Unhealthy),
            (12_000, Unhealthy),
        ];
        let news = heard.map(|(ms, status)| hear(ms, status));
        assert_eq!(news, [true, false, true, false, false, true]);
    }

    #[test]
    fn an_interval_below_the_first_wait_is_kept() {
        assert_eq!(waits(200, [false, false, true, false]), [200; 4]);
    }
}
