//! What is remembered of a persona's lanes.

use std::collections::{BTreeSet, VecDeque};

use atp_protocol::ids::AdapterId;
use atp_protocol::units::Millis;

use super::{Judged, Standing};
use crate::plan::{Sample, reputation};

/// Lanes remembered.
const LANES: usize = 256;

/// Adapters with a standing of their own.
const ADAPTERS: usize = 32;

const DAY_MS: f64 = 86_400_000.0;

/// What a lane loses of its weight each day, and when it no longer counts.
const DAILY: f64 = 0.95;
const AGE_MAX_DAYS: f64 = 30.0;

/// Weight of the prior, and what must be there beside it, in lanes.
const KAPPA: f64 = 10.0;
const WEIGHT_MIN: f64 = 10.0;

/// What to expect of a persona nobody knows.
const PRIOR: f64 = 0.7;
const PRIOR_IN_TIME: f64 = 0.9;

/// Accuracy, quality and speed in the score.
const SHARES: [f64; 3] = [0.4, 0.4, 0.2];

/// The last lanes of a persona.
#[derive(Debug, Clone, Default)]
pub struct Record {
    lanes: VecDeque<(Millis, Judged)>,
}

/// Weighted sums over some of the lanes.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    weight: f64,
    accuracy: f64,
    quality: f64,
    in_time: f64,
}

impl Record {
    /// Remembers one more lane; the oldest gives way.
    pub fn add(&mut self, now: Millis, judged: Judged) {
        if self.lanes.len() == LANES {
            self.lanes.pop_front();
        }
        self.lanes.push_back((now, judged));
    }

    /// What follows from it.
    #[must_use]
    pub fn standing(&self, now: Millis) -> Standing {
        let samples: Vec<Sample> = self
            .lanes
            .iter()
            .map(|(at, lane)| sample(now, *at, lane))
            .collect();
        let all = self.sums(now, None);
        let prior = all.means((PRIOR, PRIOR));
        let adapters: BTreeSet<&AdapterId> = self.lanes.iter().map(|(_, lane)| &lane.adapter).collect();
        let by_adapter = adapters.into_iter().take(ADAPTERS).filter_map(|adapter| {
            let score = self.sums(now, Some(adapter)).score(prior)?;
            Some((adapter.clone(), score))
        });
        Standing {
            reputation: reputation(&samples),
            score: all.score((PRIOR, PRIOR)),
            by_adapter: by_adapter.collect(),
        }
    }

    fn sums(&self, now: Millis, of: Option<&AdapterId>) -> Sums {
        let mut sums = Sums::default();
        let counted = self
            .lanes
            .iter()
            .filter(|(_, lane)| of.is_none_or(|adapter| lane.adapter == *adapter));
        for (at, lane) in counted {
            let age = age_days(now, *at);
            if age > AGE_MAX_DAYS {
                continue;
            }
            let weight = DAILY.powf(age);
            sums.weight += weight;
            sums.accuracy += weight * lane.accuracy;
            sums.quality += weight * lane.quality;
            sums.in_time += weight * f64::from(u8::from(lane.is_in_time));
        }
        sums
    }
}

impl Sums {
    /// Accuracy and quality, or the prior where nothing counts.
    fn means(&self, prior: (f64, f64)) -> (f64, f64) {
        if self.weight <= 0.0 {
            return prior;
        }
        (self.accuracy / self.weight, self.quality / self.weight)
    }

    /// `0.4·accuracy + 0.4·quality + 0.2·in time`, each drawn towards its prior.
    fn score(&self, (accuracy, quality): (f64, f64)) -> Option<f64> {
        if self.weight < WEIGHT_MIN {
            return None;
        }
        let drawn = |sum: f64, prior: f64| (sum + KAPPA * prior) / (self.weight + KAPPA);
        let figures = [
            drawn(self.accuracy, accuracy),
            drawn(self.quality, quality),
            drawn(self.in_time, PRIOR_IN_TIME),
        ];
        Some(
            SHARES
                .iter()
                .zip(figures)
                .map(|(share, figure)| share * figure)
                .sum(),
        )
    }
}

fn age_days(now: Millis, at: Millis) -> f64 {
    now.since(at) as f64 / DAY_MS
}

fn sample(now: Millis, at: Millis, lane: &Judged) -> Sample {
    Sample {
        age_days: age_days(now, at),
        accuracy: lane.accuracy,
        quality: lane.quality,
        latency_ms: lane.latency_ms as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;

    fn id(name: &str) -> AdapterId {
        AdapterId::new(name).unwrap()
    }

    fn lane(adapter: &str, is_good: bool) -> Judged {
        let figure = f64::from(u8::from(is_good));
        Judged {
            adapter: id(adapter),
            accuracy: figure,
            quality: figure,
            latency_ms: 0,
            is_in_time: is_good,
        }
    }

    fn record(lanes: &[(&str, bool, usize)]) -> Record {
        let mut record = Record::default();
        for (adapter, is_good, count) in lanes {
            for _ in 0..*count {
                record.add(Millis(0), lane(adapter, *is_good));
            }
        }
        record
    }

    #[test]
    fn a_few_lanes_make_no_standing() {
        assert_eq!(
            record(&[("a", false, 9)]).standing(Millis(0)),
            Standing::default()
        );
        let standing = record(&[("a", true, 10)]).standing(Millis(0));
        // Half of it is the prior: 0.4·0.85 + 0.4·0.85 + 0.2·0.95.
        assert!((standing.score.unwrap() - 0.87).abs() < 1e-9, "{standing:?}");
        assert!((standing.reputation.unwrap().score - 1.0).abs() < 1e-9);
    }

    #[test]
    fn an_adapter_that_fails_a_persona_stands_lower_with_it_than_one_that_does_not() {
        let standing =
            record(&[("good", true, 40), ("bad", false, 40), ("new", true, 3)]).standing(Millis(0));
        let (good, bad) = (
            standing.with(&id("good")).unwrap(),
            standing.with(&id("bad")).unwrap(),
        );
        assert!(
            good > standing.score.unwrap() && standing.score.unwrap() > bad,
            "{standing:?}"
        );
        assert_eq!(standing.with(&id("new")), standing.score);
        assert_eq!(standing.with(&id("unknown")), standing.score);
    }

    #[test]
    fn lanes_lose_weight_with_age_and_are_forgotten() {
        let old = record(&[("a", false, 12)]);
        assert!(old.standing(Millis(DAY)).score.is_some());
        // 12 lanes of 4 days weigh 9.8.
        assert_eq!(old.standing(Millis(4 * DAY)).score, None);
        assert_eq!(old.standing(Millis(31 * DAY)), Standing::default());
        let mut full = record(&[("a", false, LANES)]);
        for _ in 0..LANES {
            full.add(Millis(0), lane("b", true));
        }
        assert_eq!(full.standing(Millis(0)).by_adapter.len(), 1);
    }
}
