//! Adaptive: the strategy a request's demands call for (atp.md section 20, "Adaptive").

use super::strategy::Strategy;

/// Above which quality matters.
pub(super) const QUALITY_MATTERS: f64 = 0.8;

/// What a request demands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// Little time is left to reconcile.
    pub time_pressure: bool,
    /// How much quality matters, 0 to 1.
    pub quality: f64,
    /// How much cost matters, 0 to 1.
    pub cost_sensitivity: f64,
    /// Personas asked.
    pub personas: usize,
}

/// The first rule that applies.
#[must_use]
pub fn choose(demand: &Demand) -> Strategy {
    if demand.time_pressure {
        Strategy::FirstWin
    } else if demand.quality > QUALITY_MATTERS {
        Strategy::Consensus
    } else if demand.cost_sensitivity > 0.7 {
        Strategy::WeightedMerge
    } else if demand.personas > 3 {
        Strategy::Arbiter
    } else {
        Strategy::FirstWin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_demand_that_applies_decides() {
        let calm = Demand {
            time_pressure: false,
            quality: 0.8,
            cost_sensitivity: 0.7,
            personas: 3,
        };
        assert_eq!(choose(&calm), Strategy::FirstWin);
        assert_eq!(choose(&Demand { personas: 4, ..calm }), Strategy::Arbiter);
        let frugal = Demand {
            cost_sensitivity: 0.71,
            personas: 4,
            ..calm
        };
        assert_eq!(choose(&frugal), Strategy::WeightedMerge);
        assert_eq!(
            choose(&Demand {
                quality: 0.81,
                ..frugal
            }),
            Strategy::Consensus
        );
        assert_eq!(
            choose(&Demand {
                time_pressure: true,
                quality: 1.0,
                ..frugal
            }),
            Strategy::FirstWin
        );
    }
}
