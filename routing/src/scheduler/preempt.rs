//! Who gives way when gold waits (atp.md 18.3).

use std::collections::VecDeque;

use atp_protocol::units::{Millis, Tier};

use super::Settings;

/// How long before its deadline a call is left alone, in milliseconds.
pub(super) const FINAL_MS: u64 = 1_000;
/// Over how long preemptions are counted, in milliseconds.
const RATE_MS: u64 = 1_000;

/// A running call that may be preempted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Active<T> {
    /// Names it.
    pub id: T,
    /// Its tier.
    pub tier: Tier,
    /// When it started.
    pub started: Millis,
}

/// Chooses `needed` calls: bronze first, then silver, never gold; in a tier the oldest start first, or the youngest; equal
/// starts in the order given.
#[must_use]
pub fn pick_victims<T>(
    active: impl IntoIterator<Item = Active<T>>,
    needed: usize,
    prefer_oldest: bool,
) -> Vec<Active<T>> {
    let mut victims: Vec<_> = active
        .into_iter()
        .filter(|call| call.tier != Tier::Gold)
        .collect();
    victims.sort_by(|a, b| {
        let by_start = match prefer_oldest {
            true => a.started.cmp(&b.started),
            false => b.started.cmp(&a.started),
        };
        b.tier.cmp(&a.tier).then(by_start)
    });
    victims.truncate(needed);
    victims
}

/// Since when gold is short of slots, and which calls were preempted lately.
#[derive(Debug, Clone, Default)]
pub(super) struct Shortage {
    since: Option<Millis>,
    /// When each call of the last second was preempted; no more of them than may be.
    taken: VecDeque<Millis>,
    /// When the allowance was asked for last.
    looked: Millis,
}

impl Shortage {
    /// Gold waits for more slots than are free, or does not.
    pub(super) fn observe(&mut self, now: Millis, is_short: bool) {
        match is_short {
            true => {
                self.since.get_or_insert(now);
            }
            false => self.since = None,
        }
    }

    /// How many calls may be preempted at `now`, and whether silver may be among them. `None` while the shortage is younger
    /// than it must be.
    pub(super) fn allowance(
        &mut self,
        now: Millis,
        running: usize,
        settings: &Settings,
    ) -> Option<(usize, bool)> {
        self.looked = now;
        let lasted = now.since(self.since?);
        if lasted < settings.preempt_after_ms {
            return None;
        }
        while self.taken.front().is_some_and(|at| now.since(*at) >= RATE_MS) {
            self.taken.pop_front();
        }
        let most = ((running as f64 * settings.preempt_share) as usize).max(1);
        let allowance = most.saturating_sub(self.taken.len());
        Some((allowance, lasted >= settings.preempt_silver_after_ms))
    }

    pub(super) fn took(&mut self, now: Millis, count: usize) {
        self.taken.extend(std::iter::repeat_n(now, count));
    }

    /// When to look again: at the end of the first wait, when silver comes into question, or when the rate allows more.
    pub(super) fn next_deadline(&self, settings: &Settings) -> Option<Millis> {
        let since = self.since?;
        [
            Some(since.plus(settings.preempt_after_ms)),
            Some(since.plus(settings.preempt_silver_after_ms)),
            self.taken.front().map(|at| at.plus(RATE_MS)),
        ]
        .into_iter()
        .flatten()
        .filter(|&at| at > self.looked)
        .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bronze_gives_way_before_silver_and_gold_never() {
        let call = |id: u8, tier, started| Active {
            id,
            tier,
            started: Millis(started),
        };
        let active = [
            call(1, Tier::Gold, 0),
            call(2, Tier::Silver, 1),
            call(3, Tier::Bronze, 9),
            call(4, Tier::Bronze, 5),
            call(5, Tier::Bronze, 5),
        ];
        let ids = |needed, oldest| -> Vec<u8> {
            pick_victims(active, needed, oldest)
                .iter()
                .map(|call| call.id)
                .collect()
        };
        assert_eq!(ids(9, true), [4, 5, 3, 2]);
        assert_eq!(ids(2, false), [3, 4]);
    }

    #[test]
    fn a_quarter_of_the_running_calls_per_second() {
        let settings = Settings::default();
        let mut shortage = Shortage::default();
        shortage.observe(Millis(5_000), true);
        assert_eq!(shortage.allowance(Millis(5_099), 40, &settings), None);
        assert_eq!(
            shortage.allowance(Millis(5_100), 40, &settings),
            Some((10, false))
        );
        shortage.took(Millis(5_100), 10);
        assert_eq!(shortage.allowance(Millis(6_099), 40, &settings), Some((0, true)));
        assert_eq!(shortage.next_deadline(&settings), Some(Millis(6_100)));
        assert_eq!(shortage.allowance(Millis(6_100), 40, &settings), Some((10, true)));
        shortage.observe(Millis(6_200), false);
        assert_eq!(shortage.allowance(Millis(9_000), 40, &settings), None);
        assert_eq!(shortage.next_deadline(&settings), None);
    }
}
