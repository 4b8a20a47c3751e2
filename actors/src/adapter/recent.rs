//! The last calls of an adapter, of which its measured figures are made.

use std::collections::VecDeque;

use atp_protocol::units::Millis;

/// Calls the measured figures are made of, at most,
pub(super) const RECENT: usize = 256;
/// and how old they may be, in milliseconds: an adapter that is left alone because it did badly is given another chance,
/// when the breaker gives it one too.
const RECENT_MS: u64 = 30_000;
/// Calls that make a figure; before that the breaker alone judges.
const SAMPLES_MIN: usize = 10;

/// Nearest rank; `None` where there are too few samples.
pub(super) fn percentile(samples: &VecDeque<(Millis, f64)>, share: f64) -> Option<u32> {
    if samples.len() < SAMPLES_MIN {
        return None;
    }
    let mut sorted: Vec<f64> = samples.iter().map(|(_, sample)| *sample).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len() - 1);
    Some(sorted[at].ceil() as u32)
}

/// Share of failures; 0 where there are too few samples.
pub(super) fn error_rate(outcomes: &VecDeque<(Millis, bool)>) -> f64 {
    if outcomes.len() < SAMPLES_MIN {
        return 0.0;
    }
    outcomes.iter().filter(|(_, is_ok)| !is_ok).count() as f64 / outcomes.len() as f64
}

/// Forgets the oldest where there are as many as there may be.
pub(super) fn remember<T>(recent: &mut VecDeque<(Millis, T)>, now: Millis, item: T) {
    if recent.len() == RECENT {
        recent.pop_front();
    }
    recent.push_back((now, item));
}

/// Forgets what is too old to say anything.
pub(super) fn forget<T>(recent: &mut VecDeque<(Millis, T)>, now: Millis) {
    while recent.front().is_some_and(|(at, _)| now.since(*at) >= RECENT_MS) {
        recent.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_forgotten_and_a_few_are_no_rate() {
        let mut outcomes = VecDeque::new();
        for n in 0..9 {
            remember(&mut outcomes, Millis(n), false);
        }
        assert_eq!(error_rate(&outcomes), 0.0);
        remember(&mut outcomes, Millis(9), true);
        assert_eq!(error_rate(&outcomes), 0.9);
        forget(&mut outcomes, Millis(RECENT_MS + 8));
        assert_eq!(outcomes, [(Millis(9), true)]);
    }
}
