//! Calls of an adapter and how many succeeded, older ones counting less (routing.md sections 7 and 8.4).

use atp_protocol::units::Millis;

/// After so long a call counts half, in milliseconds: the shortest that routing.md 8.4 allows.
const HALF_LIFE_MS: f64 = 6.0 * 3_600_000.0;

/// Decayed counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    at: Millis,
    calls: f64,
    successes: f64,
}

impl Tally {
    /// Counts a call that ended.
    pub(super) fn add(&mut self, now: Millis, is_success: bool) {
        (self.calls, self.successes) = self.at(now);
        self.at = now;
        self.calls += 1.0;
        self.successes += f64::from(u8::from(is_success));
    }

    /// Calls and successes, as they count by now.
    pub(super) fn at(&self, now: Millis) -> (f64, f64) {
        let left = 0.5_f64.powf(now.since(self.at) as f64 / HALF_LIFE_MS);
        (self.calls * left, self.successes * left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_half_after_its_half_life() {
        let mut tally = Tally::default();
        tally.add(Millis(0), true);
        tally.add(Millis(0), false);
        assert_eq!(tally.at(Millis(6 * 3_600_000)), (1.0, 0.5));
        tally.add(Millis(6 * 3_600_000), true);
        assert_eq!(tally.at(Millis(6 * 3_600_000)), (2.0, 1.5));
    }
}
