//! A call that is still running, against its hold (atp.md 17.3, "stream").

use atp_protocol::units::Amount;

/// What a call's usage so far means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spending {
    /// The hold covers it.
    Covered,
    /// Past the hold by at most a tenth: top the hold up, or let the call end within the tolerance.
    Tolerated,
    /// Past the tolerance: cancel the call (`EBUDGET`), keep what it said.
    Exhausted,
}

impl Spending {
    /// Judges usage so far against what is held, tokens and money each.
    #[must_use]
    pub fn of(held: Amount, used: Amount) -> Self {
        let tolerated = Amount {
            tokens: held.tokens.saturating_add(held.tokens / 10),
            usd_micros: held.usd_micros.saturating_add(held.usd_micros / 10),
        };
        match (used.fits(held), used.fits(tolerated)) {
            (true, _) => Self::Covered,
            (false, true) => Self::Tolerated,
            (false, false) => Self::Exhausted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_over_the_hold_is_tolerated() {
        let amount = |tokens, usd_micros| Amount { tokens, usd_micros };
        let held = amount(100, 50);
        assert_eq!(Spending::of(held, amount(100, 50)), Spending::Covered);
        assert_eq!(Spending::of(held, amount(110, 50)), Spending::Tolerated);
        assert_eq!(Spending::of(held, amount(111, 0)), Spending::Exhausted);
        assert_eq!(Spending::of(held, amount(0, 56)), Spending::Exhausted);
    }
}
