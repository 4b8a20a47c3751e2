//! How many traces of each tier are kept.

use atp_protocol::units::Tier;

/// Shares of traces, by tier, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates([f64; 3]);

/// Not a list of rates.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no rate; write tiers with numbers from 0 to 1, such as gold:1.0,silver:0.5,bronze:0.1")]
pub struct BadRates(String);

impl Rates {
    /// Reads `gold:1.0,silver:0.5,bronze:0.1`. A tier that is not named is kept whole; numbers beyond 0 and 1 are taken for
    /// the nearer of them.
    ///
    /// # Errors
    /// The first entry that is none.
    pub fn parse(text: &str) -> Result<Self, BadRates> {
        let mut rates = [1.0; 3];
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let read = || {
                let (tier, rate) = entry.split_once(':')?;
                let rate: f64 = rate.trim().parse().ok()?;
                Some((Tier::parse(tier.trim())?, rate)).filter(|_| !rate.is_nan())
            };
            let (tier, rate) = read().ok_or_else(|| BadRates(entry.to_owned()))?;
            rates[tier.index()] = rate.clamp(0.0, 1.0);
        }
        Ok(Self(rates))
    }

    /// The rate of the tier of this name; silver's where there is none.
    pub(super) fn of(self, tier: Option<&str>) -> f64 {
        let tier = tier.and_then(Tier::parse).unwrap_or(Tier::Silver);
        self.0[tier.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_by_tier_and_held_to_their_range() {
        let rates = Rates::parse("gold:7, bronze:0.1,").unwrap();
        assert_eq!(rates, Rates([1.0, 1.0, 0.1]));
        assert_eq!(rates.of(Some("bronze")), 0.1);
        for bad in ["gold", "gold:x", "tin:0.5", "gold:NaN"] {
            assert!(Rates::parse(bad).is_err(), "{bad}");
        }
    }
}
