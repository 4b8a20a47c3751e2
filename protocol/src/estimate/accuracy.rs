//! How accurate an adapter's estimates have been over seven days, and what follows from it (atp.md 17.4, routing.md 6).
//!
//! Bounds: 168 hourly buckets and the last 256 ratios per quantity, whatever the traffic. Until 20 lanes were counted a
//! prior stands in for the means, so that one bad lane does not condemn a new adapter.

use std::collections::VecDeque;

use super::error::{Mape, ape, is_under};
use crate::units::{Amount, Millis};

const HOUR_MS: u64 = 3_600_000;
const BUCKETS: usize = 168;
const RATIOS: usize = 256;

/// An error counts at most this much in a mean.
const APE_CAP: f64 = 5.0;
/// Lanes smaller than this would dominate a mean of ratios.
const SMALL: Amount = Amount {
    tokens: 50,
    usd_micros: 100,
};
const PRIOR_BELOW: u64 = 20;
const PRIOR_MAPE: f64 = 0.35;
const PRIOR_UNDER: f64 = 0.2;

const DOWNGRADE_ABOVE: f64 = 0.30;
const DOWNGRADE_SAMPLES: u64 = 50;
const RESTORE_BELOW: f64 = 0.15;
const RESTORE_AFTER_MS: u64 = 24 * HOUR_MS;
const COOL_OFF_MS: u64 = 60_000;
const SURCHARGE: f64 = 1.25;

/// One hour of lanes.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    /// Which hour since the clock's start.
    hour: u64,
    lanes: u64,
    under: u64,
    tokens: Sum,
    usd: Sum,
}

/// Errors that count towards a mean.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    samples: u64,
    ape: f64,
}

impl Sum {
    fn add(&mut self, estimate: u64, actual: u64) {
        self.samples += 1;
        self.ape += ape(estimate, actual).min(APE_CAP);
    }

    fn plus(self, other: Self) -> Self {
        Self {
            samples: self.samples + other.samples,
            ape: self.ape + other.ape,
        }
    }

    fn mean(self) -> f64 {
        if self.samples < PRIOR_BELOW {
            return PRIOR_MAPE;
        }
        self.ape / self.samples as f64
    }
}

/// What one finished lane told about its estimate; counted by the caller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed {
    /// Error of this lane.
    pub ape: Mape,
    /// More tokens than estimated.
    pub is_under_tokens: bool,
    /// More money than estimated.
    pub is_under_usd: bool,
    /// The lane exceeded 1.2 times what was reserved for it: the agent cools off from this moment.
    pub cools_off: bool,
}

impl Observed {
    /// Compares what was `estimated` (means) and reserved (`effective`) for a lane with what it used.
    #[must_use]
    pub fn of(estimated: Amount, effective: Amount, actual: Amount) -> Self {
        Self {
            ape: Mape {
                tokens: ape(estimated.tokens, actual.tokens),
                usd: ape(estimated.usd_micros, actual.usd_micros),
            },
            is_under_tokens: actual.tokens > estimated.tokens,
            is_under_usd: actual.usd_micros > estimated.usd_micros,
            cools_off: is_under(effective, actual),
        }
    }
}

/// The estimate history of one adapter.
#[derive(Debug, Clone, Default)]
pub struct Accuracy {
    buckets: VecDeque<Bucket>,
    token_ratios: VecDeque<f32>,
    usd_ratios: VecDeque<f32>,
    cool_off_until: Option<Millis>,
    is_downgraded: bool,
    good_since: Option<Millis>,
}

impl Accuracy {
    /// Counts one finished lane: what was `estimated` (means), what was reserved for it (`effective`), what it used.
    pub fn observe(&mut self, now: Millis, estimated: Amount, effective: Amount, actual: Amount) -> Observed {
        let bucket = self.bucket(now);
        bucket.lanes += 1;
        bucket.under += u64::from(is_under(estimated, actual));
        if actual.tokens >= SMALL.tokens {
            bucket.tokens.add(estimated.tokens, actual.tokens);
        }
        if actual.usd_micros >= SMALL.usd_micros {
            bucket.usd.add(estimated.usd_micros, actual.usd_micros);
        }
        push_ratio(&mut self.token_ratios, estimated.tokens, actual.tokens);
        push_ratio(&mut self.usd_ratios, estimated.usd_micros, actual.usd_micros);
        let observed = Observed::of(estimated, effective, actual);
        if observed.cools_off {
            self.cool_off_until = Some(now.plus(COOL_OFF_MS));
        }
        self.review(now);
        observed
    }

    /// Mean error and underestimate rate over seven days, once 20 lanes were counted.
    #[must_use]
    pub fn known(&self, now: Millis) -> Option<(Mape, f64)> {
        let (_, lanes) = self.under_of_lanes(now);
        (lanes >= PRIOR_BELOW).then(|| (self.mape(now), self.under_rate(now)))
    }

    /// Mean error over seven days; the prior while fewer than 20 lanes counted.
    #[must_use]
    pub fn mape(&self, now: Millis) -> Mape {
        let sum = |pick: fn(&Bucket) -> Sum| self.recent(now).map(pick).fold(Sum::default(), Sum::plus);
        Mape {
            tokens: sum(|bucket| bucket.tokens).mean(),
            usd: sum(|bucket| bucket.usd).mean(),
        }
    }

    /// Share of lanes of seven days whose actual exceeded 1.2 times the estimate; the prior below 20 lanes.
    #[must_use]
    pub fn under_rate(&self, now: Millis) -> f64 {
        let (under, lanes) = self.under_of_lanes(now);
        if lanes < PRIOR_BELOW {
            return PRIOR_UNDER;
        }
        under as f64 / lanes as f64
    }

    /// 95th percentile of actual over estimate, of the last 256 lanes with an estimate above 0. `None` without any.
    #[must_use]
    pub fn p95_overage(&self) -> (Option<f64>, Option<f64>) {
        (p95(&self.token_ratios), p95(&self.usd_ratios))
    }

    /// `1 / (1 + mape)` of the tokens: the routing score's term.
    #[must_use]
    pub fn predictability(&self, now: Millis) -> f64 {
        1.0 / (1.0 + self.mape(now).tokens)
    }

    /// `1 − min(under rate, 0.5)`: the routing score's term.
    #[must_use]
    pub fn under_penalty(&self, now: Millis) -> f64 {
        1.0 - self.under_rate(now).min(0.5)
    }

    /// Whether the adapter is offered work one tier lower: from an under rate above 0.30 over at least 50 lanes until
    /// the rate has stayed below 0.15 for 24 hours.
    pub fn is_downgraded(&mut self, now: Millis) -> bool {
        self.review(now);
        self.is_downgraded
    }

    /// While cooling off, 60 s after a lane that outgrew its reservation: the adapter's parallel window is halved, not
    /// below 1.
    #[must_use]
    pub fn cooled_parallel(&self, now: Millis, max_parallel: u32) -> u32 {
        if self.is_cooling(now) {
            (max_parallel / 2).max(max_parallel.min(1))
        } else {
            max_parallel
        }
    }

    /// What its effective cost is multiplied by: 1.25 while cooling off.
    #[must_use]
    pub fn surcharge(&self, now: Millis) -> f64 {
        if self.is_cooling(now) { SURCHARGE } else { 1.0 }
    }

    fn is_cooling(&self, now: Millis) -> bool {
        self.cool_off_until.is_some_and(|until| now < until)
    }

    fn review(&mut self, now: Millis) {
        let (under, lanes) = self.under_of_lanes(now);
        let rate = if lanes == 0 {
            0.0
        } else {
            under as f64 / lanes as f64
        };
        if lanes >= DOWNGRADE_SAMPLES && rate > DOWNGRADE_ABOVE {
            self.is_downgraded = true;
        }
        if rate >= RESTORE_BELOW {
            self.good_since = None;
            return;
        }
        let since = *self.good_since.get_or_insert(now);
        if now.since(since) >= RESTORE_AFTER_MS {
            self.is_downgraded = false;
        }
    }

    fn under_of_lanes(&self, now: Millis) -> (u64, u64) {
        self.recent(now).fold((0, 0), |(under, lanes), bucket| {
            (under + bucket.under, lanes + bucket.lanes)
        })
    }

    fn recent(&self, now: Millis) -> impl Iterator<Item = &Bucket> {
        let oldest = (now.0 / HOUR_MS).saturating_sub(BUCKETS as u64 - 1);
        self.buckets.iter().filter(move |bucket| bucket.hour >= oldest)
    }

    /// The bucket of this hour; the oldest gives way.
    fn bucket(&mut self, now: Millis) -> &mut Bucket {
        let hour = now.0 / HOUR_MS;
        if self.buckets.back().is_none_or(|last| last.hour < hour) {
            if self.buckets.len() == BUCKETS {
                self.buckets.pop_front();
            }
            self.buckets.push_back(Bucket {
                hour,
                ..Bucket::default()
            });
        }
        self.buckets
            .back_mut()
            .expect("a bucket was pushed if there was none")
    }
}

fn push_ratio(ratios: &mut VecDeque<f32>, estimate: u64, actual: u64) {
    if estimate == 0 {
        return;
    }
    if ratios.len() == RATIOS {
        ratios.pop_front();
    }
    ratios.push_back((actual as f64 / estimate as f64) as f32);
}

fn p95(ratios: &VecDeque<f32>) -> Option<f64> {
    let mut sorted: Vec<f32> = ratios.iter().copied().collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let at = (sorted.len() as f64 * 0.95) as usize;
    sorted
        .get(at.min(sorted.len().saturating_sub(1)))
        .map(|&ratio| f64::from(ratio))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn amount(tokens: u64) -> Amount {
        Amount {
            tokens,
            usd_micros: tokens,
        }
    }

    fn observe(accuracy: &mut Accuracy, now: u64, actual: u64, times: u32) {
        for _ in 0..times {
            accuracy.observe(Millis(now), amount(1_000), amount(2_000), amount(actual));
        }
    }

    #[test]
    fn few_lanes_leave_the_prior_in_place() {
        let mut accuracy = Accuracy::default();
        observe(&mut accuracy, 0, 500, 19);
        assert!((accuracy.mape(Millis(0)).tokens - 0.35).abs() < 1e-9);
        assert!(accuracy.known(Millis(0)).is_none());
        observe(&mut accuracy, 0, 500, 1);
        assert!((accuracy.mape(Millis(0)).tokens - 1.0).abs() < 1e-9);
        assert!((accuracy.predictability(Millis(0)) - 0.5).abs() < 1e-9);
        assert!(accuracy.known(Millis(0)).is_some());
    }

    #[test]
    fn a_week_later_nothing_is_remembered() {
        let mut accuracy = Accuracy::default();
        observe(&mut accuracy, 0, 2_000, 60);
        assert!((accuracy.under_rate(Millis(0)) - 1.0).abs() < 1e-9);
        assert!((accuracy.under_penalty(Millis(0)) - 0.5).abs() < 1e-9);
        let later = Millis(168 * HOUR_MS);
        assert!((accuracy.under_rate(later) - 0.2).abs() < 1e-9);
        for hour in 0..400 {
            observe(&mut accuracy, hour * HOUR_MS, 1_000, 1);
        }
        assert_eq!(accuracy.buckets.len(), 168);
    }

    #[test]
    fn tiny_lanes_do_not_count_towards_the_mean() {
        let mut accuracy = Accuracy::default();
        for _ in 0..30 {
            accuracy.observe(Millis(0), amount(1_000), amount(2_000), amount(1));
        }
        assert!((accuracy.mape(Millis(0)).tokens - 0.35).abs() < 1e-9);
    }

    #[test]
    fn underestimates_lower_the_tier_until_a_good_day_has_passed() {
        let mut accuracy = Accuracy::default();
        observe(&mut accuracy, 0, 1_300, 16);
        observe(&mut accuracy, 0, 1_000, 33);
        assert!(!accuracy.is_downgraded(Millis(0)), "49 lanes are too few");
        observe(&mut accuracy, 0, 1_000, 1);
        assert!(accuracy.is_downgraded(Millis(0)));
        observe(&mut accuracy, HOUR_MS, 1_000, 100);
        assert!(accuracy.is_downgraded(Millis(24 * HOUR_MS)));
        assert!(!accuracy.is_downgraded(Millis(25 * HOUR_MS)));
    }

    #[test]
    fn a_lane_beyond_its_reservation_cools_the_agent_for_a_minute() {
        let mut accuracy = Accuracy::default();
        let observed = accuracy.observe(Millis(0), amount(1_000), amount(1_000), amount(1_201));
        assert!(observed.cools_off);
        assert_eq!(accuracy.cooled_parallel(Millis(59_999), 9), 4);
        assert_eq!(accuracy.cooled_parallel(Millis(0), 1), 1);
        assert_eq!(accuracy.cooled_parallel(Millis(0), 0), 0);
        assert!((accuracy.surcharge(Millis(1)) - 1.25).abs() < 1e-9);
        accuracy.observe(Millis(30_000), amount(1_000), amount(1_000), amount(1_201));
        assert_eq!(accuracy.cooled_parallel(Millis(89_999), 9), 4);
        assert_eq!(accuracy.cooled_parallel(Millis(90_000), 9), 9);
    }

    #[test]
    fn the_overage_is_a_percentile_of_the_last_lanes() {
        let mut accuracy = Accuracy::default();
        assert_eq!(accuracy.p95_overage(), (None, None));
        observe(&mut accuracy, 0, 9_000, 300);
        observe(&mut accuracy, 0, 1_000, 250);
        observe(&mut accuracy, 0, 3_000, 6);
        assert_eq!(accuracy.p95_overage().0, Some(1.0));
        observe(&mut accuracy, 0, 3_000, 20);
        assert_eq!(accuracy.p95_overage().0, Some(3.0));
    }
}
