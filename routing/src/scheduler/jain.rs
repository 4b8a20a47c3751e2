//! How evenly a tier was served (atp.md 18.2, GAP-331).

use std::collections::{BTreeMap, VecDeque};

use atp_protocol::units::Millis;

use super::item::FlowId;

/// Length of a period in milliseconds, and how many are looked at.
const PERIOD_MS: u64 = 1_000;
const PERIODS: u64 = 10;
/// Flows counted in one period; more are left out of the index.
const FLOWS_PER_PERIOD: usize = 4_096;

/// Jain's index of what flows got: `(Σx)² / (n·Σx²)`, 1 when all got the same, 1/n when one got everything. 1 when there is
/// at most one flow or nobody got anything.
#[must_use]
pub fn jains_index(shares: &[f64]) -> f64 {
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|x| x * x).sum();
    match shares.len() <= 1 || squares <= 0.0 {
        true => 1.0,
        false => sum * sum / (shares.len() as f64 * squares),
    }
}

/// What the flows of a tier got in the last seconds, and which of them had to wait.
#[derive(Debug, Clone, Default)]
pub(super) struct Shares {
    periods: VecDeque<Period>,
}

#[derive(Debug, Clone)]
struct Period {
    number: u64,
    flows: BTreeMap<FlowId, Share>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Share {
    granted: f64,
    was_backlogged: bool,
}

impl Shares {
    /// A flow was granted work over its weight.
    pub(super) fn granted(&mut self, now: Millis, flow: &FlowId, share: f64) {
        self.change(now, flow, |entry| entry.granted += share);
    }

    /// A flow had something waiting until now.
    pub(super) fn backlogged(&mut self, now: Millis, flow: &FlowId) {
        self.change(now, flow, |entry| entry.was_backlogged = true);
    }

    fn change(&mut self, now: Millis, flow: &FlowId, change: impl FnOnce(&mut Share)) {
        let number = now.0 / PERIOD_MS;
        if self.periods.back().is_none_or(|period| period.number < number) {
            self.periods.push_back(Period {
                number,
                flows: BTreeMap::new(),
            });
            while self.periods.len() as u64 > PERIODS {
                self.periods.pop_front();
            }
        }
        let Some(period) = self.periods.back_mut() else {
            return;
        };
        if period.flows.len() < FLOWS_PER_PERIOD || period.flows.contains_key(flow) {
            change(period.flows.entry(flow.clone()).or_default());
        }
    }

    /// The index over flows that waited in the last ten seconds, those that still do included.
    pub(super) fn index<'a>(&'a self, now: Millis, waiting: impl Iterator<Item = &'a FlowId>) -> f64 {
        let first = (now.0 / PERIOD_MS + 1).saturating_sub(PERIODS);
        let mut total: BTreeMap<&FlowId, Share> = BTreeMap::new();
        for period in self.periods.iter().filter(|period| period.number >= first) {
            for (flow, share) in &period.flows {
                let entry = total.entry(flow).or_default();
                entry.granted += share.granted;
                entry.was_backlogged |= share.was_backlogged;
            }
        }
        for flow in waiting {
            total.entry(flow).or_default().was_backlogged = true;
        }
        let shares: Vec<f64> = total
            .values()
            .filter(|share| share.was_backlogged)
            .map(|share| share.granted)
            .collect();
        jains_index(&shares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_one_when_even_and_low_when_one_gets_everything() {
        assert!((jains_index(&[2.0, 2.0, 2.0]) - 1.0).abs() < 1e-9);
        assert!((jains_index(&[6.0, 0.0, 0.0]) - 1.0 / 3.0).abs() < 1e-9);
        assert!((jains_index(&[]) - 1.0).abs() < 1e-9);
        assert!((jains_index(&[0.0, 0.0]) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_unserved_count_and_the_past_does_not() {
        use atp_protocol::ids::{SessionId, TenantId};
        let flow = |name: &str| FlowId {
            tenant: TenantId::new("t").unwrap(),
            session: SessionId::new(name).unwrap(),
        };
        let (a, b, c) = (flow("a"), flow("b"), flow("c"));
        let mut shares = Shares::default();
        shares.granted(Millis(500), &a, 9.0);
        shares.backlogged(Millis(500), &a);
        shares.granted(Millis(500), &c, 9.0);
        let index = shares.index(Millis(900), [&b].into_iter());
        assert!(
            (index - 0.5).abs() < 1e-9,
            "{index}: a got everything, b waits, c never waited"
        );
        let index = shares.index(Millis(10_500), [&b].into_iter());
        assert!((index - 1.0).abs() < 1e-9, "{index}");
    }
}
