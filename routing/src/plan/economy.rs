//! Whether a better answer is worth asking for (routing.md section 13).

/// Most a request costs that names no ceiling (atp.md 7.2), in micro-dollars.
const CEILING_USD_MICROS: u64 = 50_000;

/// What a right answer is worth where the policy does not say, in ceilings.
const VALUE_CEILINGS: f64 = 10.0;

/// Waiting for as long as the latency objective costs this share of the ceiling.
const OBJECTIVE_SHARE: f64 = 0.01;

/// What is at stake in a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stakes {
    /// What a right answer is worth, in micro-dollars.
    value: f64,
    /// What a millisecond of waiting costs, in micro-dollars.
    per_ms: f64,
    /// Latency objective in milliseconds: what somebody takes of whom nothing is known.
    slo_ms: f64,
}

/// What is to be expected of asking somebody.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prospect {
    /// Chance that the answer is right, 0 to 1.
    pub success: f64,
    /// Guard-banded cost in micro-dollars.
    pub usd_micros: u64,
    /// 95th percentile latency in milliseconds, once known.
    pub p95_ms: Option<f64>,
}

impl Stakes {
    /// `value`: the policy's, in micro-dollars; ten ceilings where it names none. `ceiling`: most the request may cost; 0 says
    /// that only what is free may be asked, not that its answer is worth nothing.
    #[must_use]
    pub fn new(value: Option<u64>, ceiling: Option<u64>, slo_ms: f64) -> Self {
        let ceiling = ceiling.filter(|most| *most > 0).unwrap_or(CEILING_USD_MICROS) as f64;
        Self {
            value: value.map_or(VALUE_CEILINGS * ceiling, |value| value as f64),
            per_ms: OBJECTIVE_SHARE * ceiling / slo_ms.max(1.0),
            slo_ms,
        }
    }

    /// Whether a better chance than `now` is worth its cost and its wait, and there is time for it: `left_ms`.
    #[must_use]
    pub fn are_worth(&self, now: f64, prospect: &Prospect, left_ms: u64) -> bool {
        let latency_ms = prospect.p95_ms.unwrap_or(self.slo_ms);
        let gain = (prospect.success - now) * self.value;
        let is_in_time = prospect.p95_ms.is_none_or(|p95_ms| p95_ms <= left_ms as f64);
        is_in_time && gain > prospect.usd_micros as f64 + self.per_ms * latency_ms
    }
}

/// The chance that an answer of this confidence is right, where no calibration was learnt (routing.md section 12): halfway
/// to what it says, because most say too much.
#[must_use]
pub fn chance(confidence: f64) -> f64 {
    0.5 + 0.5 * (confidence.clamp(0.0, 1.0) - 0.5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(success: f64, usd_micros: u64, p95_ms: Option<f64>) -> Prospect {
        Prospect {
            success,
            usd_micros,
            p95_ms,
        }
    }

    #[test]
    fn a_better_chance_is_worth_what_the_rule_says() {
        // A ceiling of 1 000 µ$: an answer is worth 10 000, and a second of a 2 s objective 5.
        let stakes = Stakes::new(None, Some(1_000), 2_000.0);
        let worth = |usd_micros, p95_ms| stakes.are_worth(0.5, &asked(0.75, usd_micros, p95_ms), 60_000);
        assert!(worth(2_494, Some(1_000.0)));
        assert!(!worth(2_495, Some(1_000.0)));
        assert!(worth(2_489, None), "of whom nothing is known takes the objective");
        assert!(!worth(2_490, None));
        let valued = Stakes::new(Some(100_000), Some(1_000), 2_000.0);
        assert!(valued.are_worth(0.5, &asked(0.75, 24_000, None), 1));
        assert!(!valued.are_worth(0.75, &asked(0.75, 0, Some(0.0)), 1), "no gain");
    }

    #[test]
    fn who_may_cost_nothing_is_worth_asking_for_nothing() {
        let stakes = Stakes::new(None, Some(0), 2_000.0);
        assert!(stakes.are_worth(0.5, &asked(0.7, 0, None), 60_000));
    }

    #[test]
    fn who_cannot_be_done_in_time_is_not_worth_it() {
        let stakes = Stakes::new(None, None, 1_000.0);
        assert!(stakes.are_worth(0.0, &asked(0.9, 1, Some(400.0)), 400));
        assert!(!stakes.are_worth(0.0, &asked(0.9, 1, Some(401.0)), 400));
        assert!(stakes.are_worth(0.0, &asked(0.9, 1, None), 0));
    }

    #[test]
    fn what_nobody_calibrated_is_drawn_to_the_middle() {
        assert_eq!([0.0, 0.5, 1.0, 7.0].map(chance), [0.25, 0.5, 0.75, 0.75]);
    }

    proptest! {
        #[test]
        fn cheaper_quicker_and_better_is_worth_no_less(
            now in 0.0..1.0_f64,
            success in 0.0..1.0_f64,
            usd_micros in 0_u64..1_000_000,
            p95_ms in 0.0..10_000.0_f64,
            by in 0.0..0.5_f64,
        ) {
            let stakes = Stakes::new(None, None, 1_500.0);
            if stakes.are_worth(now, &asked(success, usd_micros, Some(p95_ms)), 5_000) {
                let better = asked(success + by, usd_micros / 2, Some(p95_ms / 2.0));
                prop_assert!(stakes.are_worth(now, &better, 5_000));
            }
        }
    }
}
