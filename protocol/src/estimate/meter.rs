//! Running usage of a lane from what its chunks report (atp.md 22.3).

use crate::adapter::UsageMode;
use crate::units::Amount;

/// Chunks in a row that look like running totals before a lane is suspected.
const RUN: u32 = 4;

/// Over how many times the reservation the sum must be before a lane is suspected.
const EXCESS: u64 = 3;

/// Counters of one chunk, or of a lane so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Input tokens.
    pub in_tokens: u64,
    /// Output tokens.
    pub out_tokens: u64,
    /// Micro-dollars.
    pub usd_micros: u64,
}

impl Counters {
    /// Tokens and money together.
    #[must_use]
    pub const fn amount(self) -> Amount {
        Amount {
            tokens: self.in_tokens.saturating_add(self.out_tokens),
            usd_micros: self.usd_micros,
        }
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            in_tokens: self.in_tokens.saturating_add(other.in_tokens),
            out_tokens: self.out_tokens.saturating_add(other.out_tokens),
            usd_micros: self.usd_micros.saturating_add(other.usd_micros),
        }
    }

    fn max(self, other: Self) -> Self {
        Self {
            in_tokens: self.in_tokens.max(other.in_tokens),
            out_tokens: self.out_tokens.max(other.out_tokens),
            usd_micros: self.usd_micros.max(other.usd_micros),
        }
    }

    const fn covers(self, other: Self) -> bool {
        self.in_tokens >= other.in_tokens
            && self.out_tokens >= other.out_tokens
            && self.usd_micros >= other.usd_micros
    }
}

/// Sums what a lane's chunks report, and notices an adapter that declares increments but sends running totals.
#[derive(Debug, Clone)]
pub struct UsageMeter {
    mode: UsageMode,
    effective: Amount,
    total: Counters,
    last: Counters,
    run: u32,
    is_suspect: bool,
}

impl UsageMeter {
    /// A lane that has reported nothing. `effective`: what was reserved for it.
    #[must_use]
    pub const fn new(mode: UsageMode, effective: Amount) -> Self {
        let zero = Counters {
            in_tokens: 0,
            out_tokens: 0,
            usd_micros: 0,
        };
        Self {
            mode,
            effective,
            total: zero,
            last: zero,
            run: 0,
            is_suspect: false,
        }
    }

    /// Takes one chunk's counters and returns the lane's usage so far.
    ///
    /// Running totals never shrink: a smaller one is ignored. In delta mode four chunks in a row none of whose counters
    /// shrinks, with a sum over three times the reservation, make the lane suspect; its usage is the last chunk from then
    /// on.
    pub fn push(&mut self, chunk: Counters) -> Counters {
        match self.mode {
            UsageMode::Cumulative => self.total = self.total.max(chunk),
            UsageMode::Delta => {
                self.run = if chunk.covers(self.last) { self.run + 1 } else { 0 };
                self.total = self.total.plus(chunk);
                self.is_suspect |= self.run >= RUN && self.exceeds();
            }
        }
        self.last = chunk;
        self.usage()
    }

    /// Usage so far; what the lane is settled on.
    #[must_use]
    pub const fn usage(&self) -> Counters {
        if self.is_suspect { self.last } else { self.total }
    }

    /// Whether the adapter seems to have sent running totals as increments (`usage_suspect`).
    #[must_use]
    pub const fn is_suspect(&self) -> bool {
        self.is_suspect
    }

    fn exceeds(&self) -> bool {
        let sum = self.total.amount();
        sum.tokens > self.effective.tokens.saturating_mul(EXCESS)
            || sum.usd_micros > self.effective.usd_micros.saturating_mul(EXCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EFFECTIVE: Amount = Amount {
        tokens: 100,
        usd_micros: 1_000,
    };

    const fn chunk(out_tokens: u64) -> Counters {
        Counters {
            in_tokens: 0,
            out_tokens,
            usd_micros: 0,
        }
    }

    fn run(mode: UsageMode, chunks: &[u64]) -> (u64, bool) {
        let mut meter = UsageMeter::new(mode, EFFECTIVE);
        for &out_tokens in chunks {
            meter.push(chunk(out_tokens));
        }
        (meter.usage().out_tokens, meter.is_suspect())
    }

    #[test]
    fn increments_are_summed_and_totals_replaced() {
        assert_eq!(run(UsageMode::Delta, &[10, 20, 5]), (35, false));
        assert_eq!(run(UsageMode::Cumulative, &[10, 20, 5]), (20, false));
    }

    #[test]
    fn totals_sent_as_increments_are_noticed_and_settled_on_the_last() {
        assert_eq!(run(UsageMode::Delta, &[50, 80, 90, 100]), (100, true));
    }

    #[test]
    fn growth_alone_or_excess_alone_is_no_suspicion() {
        assert_eq!(run(UsageMode::Delta, &[1, 2, 3, 4, 5, 6]), (21, false));
        assert_eq!(run(UsageMode::Delta, &[200, 90, 80, 70, 60]), (500, false));
    }
}
