//! Deficit round robin over the tiers (Shreedhar, Varghese 1996; atp.md 18.2).

/// Least weight: a tier without one still has its turn at last.
const WEIGHT_MIN: f64 = 0.001;
/// Most rounds a tier may owe for work paid outside the round, so that its past does not keep it waiting.
const DEBT_ROUNDS: f64 = 10.0;

/// Whose turn it is, and what each tier has saved up.
#[derive(Debug, Clone)]
pub(super) struct Wheel {
    weights: [f64; 3],
    deficits: [f64; 3],
    turn: usize,
    /// Whether the tier whose turn it is had its quantum for this visit.
    was_paid: bool,
}

impl Wheel {
    pub(super) fn new(weights: [f64; 3]) -> Self {
        Self {
            weights: weights.map(|weight| weight.max(WEIGHT_MIN)),
            deficits: [0.0; 3],
            turn: 0,
            was_paid: false,
        }
    }

    /// The tier to serve and pays for its head. `heads` has the work of each tier's head; a tier without one has no turn and
    /// saves nothing.
    pub(super) fn next(&mut self, heads: [Option<f64>; 3]) -> Option<usize> {
        for (deficit, head) in self.deficits.iter_mut().zip(heads) {
            if head.is_none() {
                *deficit = 0.0;
            }
        }
        self.skip_rounds(heads)?;
        loop {
            if let Some(work) = heads[self.turn] {
                if !self.was_paid {
                    self.deficits[self.turn] += self.weights[self.turn];
                    self.was_paid = true;
                }
                if work <= self.deficits[self.turn] {
                    self.deficits[self.turn] -= work;
                    return Some(self.turn);
                }
            }
            self.turn = (self.turn + 1) % 3;
            self.was_paid = false;
        }
    }

    /// Pays for a head that is served outside the round, as a reserved slot is: it counts towards the tier's share.
    pub(super) fn pay(&mut self, tier: usize, work: f64) {
        let most = -DEBT_ROUNDS * self.weights[tier];
        self.deficits[tier] = (self.deficits[tier] - work).max(most);
    }

    /// Pays the rounds in which nobody could be served at once, so that large work does not take many turns of the wheel.
    /// `None` if no tier has a head.
    fn skip_rounds(&mut self, heads: [Option<f64>; 3]) -> Option<()> {
        let rounds = (0..3)
            .filter_map(|tier| Some(((heads[tier]? - self.deficits[tier]) / self.weights[tier]).ceil()))
            .reduce(f64::min)?;
        let skipped = (rounds - 1.0).max(0.0);
        for tier in (0..3).filter(|&tier| heads[tier].is_some()) {
            self.deficits[tier] += skipped * self.weights[tier];
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(heads: [Option<f64>; 3], count: usize) -> [usize; 3] {
        let mut wheel = Wheel::new([5.0, 3.0, 1.0]);
        let mut served = [0; 3];
        for _ in 0..count {
            served[wheel.next(heads).unwrap()] += 1;
        }
        served
    }

    #[test]
    fn tiers_share_by_weight() {
        assert_eq!(served([Some(1.0); 3], 90), [50, 30, 10]);
        assert_eq!(served([None, Some(1.0), Some(1.0)], 80), [0, 60, 20]);
        assert_eq!(served([None, None, Some(1.0)], 7), [0, 0, 7]);
    }

    #[test]
    fn work_counts_and_not_items() {
        // gold's items are ten times as large
        let [gold, silver, bronze] = served([Some(10.0), Some(1.0), Some(1.0)], 900);
        assert!(gold.abs_diff(100) <= 3 && silver.abs_diff(600) <= 9 && bronze.abs_diff(200) <= 3);
    }

    #[test]
    fn large_work_is_served_at_once_when_alone() {
        assert_eq!(served([None, None, Some(1e9)], 3), [0, 0, 3]);
        assert_eq!(Wheel::new([5.0, 3.0, 1.0]).next([None; 3]), None);
    }

    #[test]
    fn work_paid_outside_the_round_counts_towards_the_share() {
        let mut wheel = Wheel::new([5.0, 3.0, 1.0]);
        wheel.pay(0, 10.0);
        let mut served = [0; 3];
        for _ in 0..80 {
            served[wheel.next([Some(1.0); 3]).unwrap()] += 1;
        }
        assert!(served[0] < 45 && served[1] >= 26, "{served:?}");
    }
}
