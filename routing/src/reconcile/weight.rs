//! How much a lane's word counts (atp.md section 20, "Lane weight").

/// Factors of a lane's weight. Each is 1 unless something is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weight {
    /// From the request or the policy.
    pub base: f64,
    /// How far the route is trusted.
    pub trust: f64,
    /// How steadily the persona performs.
    pub reliability: f64,
    /// How fresh the route is.
    pub freshness: f64,
    /// Reputation, 0 to 1; `None` while unknown.
    pub reputation: Option<f64>,
}

impl Default for Weight {
    fn default() -> Self {
        Self {
            base: 1.0,
            trust: 1.0,
            reliability: 1.0,
            freshness: 1.0,
            reputation: None,
        }
    }
}

impl Weight {
    /// `base · trust · reliability · freshness · (0.5 + 0.5 · reputation)`; a factor that is no share or count is 0.
    #[must_use]
    pub fn value(&self) -> f64 {
        let sane = |factor: f64| if factor.is_finite() { factor.max(0.0) } else { 0.0 };
        let reputation = self
            .reputation
            .map_or(1.0, |reputation| 0.5 + 0.5 * sane(reputation).min(1.0));
        let product =
            sane(self.base) * sane(self.trust) * sane(self.reliability) * sane(self.freshness) * reputation;
        product.min(1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_reputation_neither_helps_nor_harms() {
        assert_eq!(Weight::default().value(), 1.0);
        let rated = |reputation| {
            Weight {
                base: 2.0,
                reputation: Some(reputation),
                ..Weight::default()
            }
            .value()
        };
        assert_eq!(rated(0.0), 1.0);
        assert_eq!(rated(1.0), 2.0);
        assert_eq!(rated(f64::NAN), 1.0);
        assert_eq!(
            Weight {
                trust: f64::INFINITY,
                ..Weight::default()
            }
            .value(),
            0.0
        );
    }
}
