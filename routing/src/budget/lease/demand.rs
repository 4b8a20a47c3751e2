//! How much to lease at a time.

use atp_protocol::units::{Amount, UnixMillis};

/// Over how long demand is measured, in milliseconds.
const DEMAND_MS: u64 = 30_000;

/// How much to grant when a holder asks: what it has used lately, at most a tenth of what is left, and at least what it
/// lacks for the request it has. Whether that is there to be reserved, the ledger decides.
#[must_use]
pub fn grant(remaining: Amount, lacking: Amount, demand: Amount) -> Amount {
    let size = |remaining: u64, lacking: u64, demand: u64| demand.min(remaining / 10).max(lacking);
    Amount {
        tokens: size(remaining.tokens, lacking.tokens, demand.tokens),
        usd_micros: size(remaining.usd_micros, lacking.usd_micros, demand.usd_micros),
    }
}

/// What was taken in the last 30 to 60 seconds, per 30 seconds: the larger of the period that runs and the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demand {
    began: UnixMillis,
    current: Amount,
    before: Amount,
}

impl Demand {
    /// Something was taken.
    pub fn record(&mut self, now: UnixMillis, amount: Amount) {
        self.turn(now);
        self.current = self.current.plus(amount);
    }

    /// What to expect of the next 30 seconds.
    pub fn amount(&mut self, now: UnixMillis) -> Amount {
        self.turn(now);
        Amount {
            tokens: self.current.tokens.max(self.before.tokens),
            usd_micros: self.current.usd_micros.max(self.before.usd_micros),
        }
    }

    fn turn(&mut self, now: UnixMillis) {
        let passed = now.0.saturating_sub(self.began.0);
        if passed < DEMAND_MS {
            return;
        }
        self.before = match passed < 2 * DEMAND_MS {
            true => self.current,
            false => Amount::ZERO,
        };
        self.current = Amount::ZERO;
        self.began = now;
    }
}
