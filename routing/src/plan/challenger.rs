//! Who may challenge a champion in shadow (atp.md 21.5).

/// Least gain in predicted quality, and the noise allowed below it.
const GAIN_MIN: f64 = 0.02;
const TOLERANCE: f64 = 1e-9;

/// Most it may cost, in champions.
const COST_MAX: f64 = 1.5;

/// Expected cost and quality of a candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// Cost, in any unit as long as it is the same for all.
    pub cost: f64,
    /// Quality, 0 to 1.
    pub quality: f64,
}

/// The challenger, by its place in `others`: of those with enough gain at an acceptable cost the cheapest, then the one
/// with the largest gain, then the first. `None` when there is none.
#[must_use]
pub fn challenger(champion: Expected, others: &[Expected]) -> Option<usize> {
    let gain = |other: &Expected| other.quality - champion.quality;
    (0..others.len())
        .filter(|&at| gain(&others[at]) >= GAIN_MIN - TOLERANCE)
        .filter(|&at| others[at].cost <= COST_MAX * champion.cost)
        .min_by(|&a, &b| {
            let (a, b) = (&others[a], &others[b]);
            a.cost
                .total_cmp(&b.cost)
                .then_with(|| gain(b).total_cmp(&gain(a)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gain_and_cost_are_checked_at_their_limits() {
        let champion = Expected {
            cost: 2.0,
            quality: 0.8,
        };
        let one = |cost: f64, quality: f64| challenger(champion, &[Expected { cost, quality }]);
        assert_eq!(one(3.0, 0.82), Some(0));
        assert_eq!(one(3.01, 0.9), None);
        assert_eq!(one(1.0, 0.819), None);
        assert_eq!(one(f64::NAN, 0.9), None);
        assert_eq!(one(1.0, f64::NAN), None);
    }

    #[test]
    fn of_equally_cheap_ones_the_better_then_the_first_is_taken() {
        let champion = Expected {
            cost: 2.0,
            quality: 0.5,
        };
        let others = [(1.0, 0.6), (1.0, 0.7), (1.0, 0.7), (2.0, 0.9)];
        let others = others.map(|(cost, quality)| Expected { cost, quality });
        assert_eq!(challenger(champion, &others), Some(1));
    }
}
