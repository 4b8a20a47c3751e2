//! Which strategy `adaptive` stands by, and when it leaves it (atp.md section 20, "Adaptive").
//!
//! What a request demands calls for a strategy; another than the one in force comes in only when that has failed, and not
//! again for a while, so that requests of different demands do not make it change to and fro.

use std::collections::BTreeMap;

use atp_protocol::units::Millis;

use super::adaptive::{Demand, QUALITY_MATTERS, choose};
use super::strategy::Strategy;

/// Between two switches, in milliseconds.
const SWITCH_MS: u64 = 300_000;

/// Requests that make a judgement.
const SAMPLES_MIN: u32 = 5;

/// Share that the latest request has in the averages.
const ALPHA: f64 = 0.1;

/// Below which success, and quality where it matters, are poor.
const POOR: f64 = 0.7;

/// Above which latency is poor where time presses, in milliseconds.
const SLOW_MS: f64 = 2_000.0;

/// How a request went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// It was answered.
    pub is_success: bool,
    /// How long it took, in milliseconds.
    pub latency_ms: f64,
    /// How good the answer was, 0 to 1, if anybody said.
    pub quality: Option<f64>,
}

/// Averages of one strategy.
#[derive(Debug, Clone, Copy)]
struct Record {
    samples: u32,
    success: f64,
    latency_ms: f64,
    quality: Option<f64>,
}

/// The strategy in force for requests of one policy, and how each has done.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    current: Option<Strategy>,
    switched: Option<Millis>,
    records: BTreeMap<&'static str, Record>,
}

impl Standing {
    /// The strategy for a request of this demand.
    #[must_use]
    pub fn strategy(&self, now: Millis, demand: &Demand) -> Strategy {
        let wanted = choose(demand);
        match self.current {
            Some(current) if !(self.may_switch(now) && self.has_failed(current, demand)) => current,
            Some(_) | None => wanted,
        }
    }

    /// A request goes by `strategy`. Returns the one in force before if that is a switch.
    pub fn follow(&mut self, now: Millis, strategy: Strategy) -> Option<Strategy> {
        let Some(before) = self.current else {
            self.current = Some(strategy);
            return None;
        };
        // Two requests may have decided at once; the first has it.
        if before == strategy || !self.may_switch(now) {
            return None;
        }
        self.current = Some(strategy);
        self.switched = Some(now);
        Some(before)
    }

    /// A request that went by `strategy` is over.
    pub fn observe(&mut self, strategy: Strategy, sample: &Sample) {
        let success = f64::from(u8::from(sample.is_success));
        let quality = sample.quality.filter(|quality| (0.0..=1.0).contains(quality));
        let record = self.records.entry(strategy.as_str()).or_insert(Record {
            samples: 0,
            success,
            latency_ms: sample.latency_ms,
            quality,
        });
        let drawn = |average: f64, to: f64| average + ALPHA * (to - average);
        record.samples = record.samples.saturating_add(1);
        record.success = drawn(record.success, success);
        record.latency_ms = drawn(record.latency_ms, sample.latency_ms);
        record.quality = match (record.quality, quality) {
            (Some(average), Some(quality)) => Some(drawn(average, quality)),
            (average, quality) => average.or(quality),
        };
    }

    fn may_switch(&self, now: Millis) -> bool {
        self.switched.is_none_or(|at| now.since(at) >= SWITCH_MS)
    }

    fn has_failed(&self, strategy: Strategy, demand: &Demand) -> bool {
        let record = self.records.get(strategy.as_str());
        record.is_some_and(|record| {
            let is_poor = record.quality.is_some_and(|quality| quality < POOR);
            record.samples >= SAMPLES_MIN
                && (record.success < POOR
                    || (demand.time_pressure && record.latency_ms > SLOW_MS)
                    || (demand.quality > QUALITY_MATTERS && is_poor))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Demand = Demand {
        time_pressure: false,
        quality: 0.75,
        cost_sensitivity: 0.0,
        personas: 2,
    };
    const FINE: Sample = Sample {
        is_success: true,
        latency_ms: 100.0,
        quality: Some(0.9),
    };

    fn demanding() -> Demand {
        Demand {
            quality: 0.85,
            ..CALM
        }
    }

    /// First-win in force, after five requests that went so.
    fn after(sample: Sample) -> Standing {
        let mut standing = Standing::default();
        assert_eq!(standing.strategy(Millis(0), &CALM), Strategy::FirstWin);
        assert_eq!(standing.follow(Millis(0), Strategy::FirstWin), None);
        for _ in 0..5 {
            standing.observe(Strategy::FirstWin, &sample);
        }
        standing
    }

    #[test]
    fn what_does_well_stays_whatever_a_request_demands() {
        let standing = after(FINE);
        assert_eq!(standing.strategy(Millis(0), &demanding()), Strategy::FirstWin);
    }

    #[test]
    fn what_fails_gives_way_to_what_is_demanded() {
        let failing = Sample {
            is_success: false,
            ..FINE
        };
        assert_eq!(
            after(failing).strategy(Millis(0), &demanding()),
            Strategy::Consensus
        );
        let poor = after(Sample {
            quality: Some(0.6),
            ..FINE
        });
        assert_eq!(poor.strategy(Millis(0), &demanding()), Strategy::Consensus);
        let frugal = Demand {
            cost_sensitivity: 1.0,
            ..CALM
        };
        assert_eq!(
            poor.strategy(Millis(0), &frugal),
            Strategy::FirstWin,
            "quality is not asked for"
        );
        let unjudged = after(Sample {
            quality: None,
            ..FINE
        });
        assert_eq!(unjudged.strategy(Millis(0), &demanding()), Strategy::FirstWin);
    }

    #[test]
    fn slowness_matters_where_time_presses() {
        let slow = Sample {
            latency_ms: 2_001.0,
            ..FINE
        };
        let mut standing = Standing::default();
        standing.follow(Millis(0), Strategy::Consensus);
        for _ in 0..5 {
            standing.observe(Strategy::Consensus, &slow);
        }
        assert_eq!(standing.strategy(Millis(0), &CALM), Strategy::Consensus);
        let pressed = Demand {
            time_pressure: true,
            ..CALM
        };
        assert_eq!(standing.strategy(Millis(0), &pressed), Strategy::FirstWin);
    }

    #[test]
    fn four_requests_are_no_judgement_and_the_first_seeds_the_averages() {
        let mut standing = Standing::default();
        standing.follow(Millis(0), Strategy::FirstWin);
        let failing = Sample {
            is_success: false,
            ..FINE
        };
        for samples in 1..=5 {
            standing.observe(Strategy::FirstWin, &failing);
            let wanted = match samples {
                5 => Strategy::Consensus,
                _ => Strategy::FirstWin,
            };
            assert_eq!(standing.strategy(Millis(0), &demanding()), wanted);
        }
        let mut standing = after(FINE);
        for _ in 0..3 {
            standing.observe(Strategy::FirstWin, &failing);
        }
        let success = standing.records[Strategy::FirstWin.as_str()].success;
        assert!((success - 0.9_f64.powi(3)).abs() < 1e-12, "{success}");
    }

    #[test]
    fn it_switches_once_in_five_minutes() {
        let failing = Sample {
            is_success: false,
            ..FINE
        };
        let mut standing = after(failing);
        assert_eq!(
            standing.follow(Millis(0), Strategy::Consensus),
            Some(Strategy::FirstWin)
        );
        for _ in 0..5 {
            standing.observe(Strategy::Consensus, &failing);
        }
        assert_eq!(standing.strategy(Millis(299_999), &CALM), Strategy::Consensus);
        assert_eq!(standing.follow(Millis(299_999), Strategy::FirstWin), None);
        assert_eq!(standing.strategy(Millis(300_000), &CALM), Strategy::FirstWin);
        assert_eq!(
            standing.follow(Millis(300_000), Strategy::FirstWin),
            Some(Strategy::Consensus)
        );
    }
}
