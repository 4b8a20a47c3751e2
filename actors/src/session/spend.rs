//! The money side of one request: one hold over all lanes, topped up while it runs, settled once.

use atp_protocol::adapter::{Usage, UsageSource};
use atp_protocol::error::{Code, Fault};
use atp_protocol::request::AgentRequest;
use atp_protocol::units::{Amount, Millis};

use super::log;
use crate::ledger::HeldBudget;

/// How much of a hold may be used before it is topped up.
const TOP_UP_AT_PERCENT: u64 = 90;

/// Sizes of a top-up that are tried, each half the one before: the last of an account is worth having, but not token by token.
const TOP_UP_ATTEMPTS: u32 = 5;

/// How long an account without room is left alone before it is asked again, in milliseconds.
const ASK_AGAIN_MS: u64 = 1_000;

/// What a lane may use beyond its hold when nothing can be added (atp.md 17.3).
const TOLERANCE_PERCENT: u64 = 10;

/// Tokens alone and money alone.
const COMPONENTS: [fn(Amount) -> Amount; 2] = [
    |amount| Amount {
        usd_micros: 0,
        ..amount
    },
    |amount| Amount { tokens: 0, ..amount },
];

/// A request's hold, or nothing where nothing is accounted for.
pub(super) struct Spend {
    hold: Option<HeldBudget>,
    /// Most that may be held: what the client said.
    most: Amount,
    settled: Usage,
    /// The part of `settled` that is a guess.
    unknown: Amount,
    /// Since when the account is known to have no room, for each of [`COMPONENTS`].
    short_since: [Option<Millis>; 2],
}

/// Nothing used, and that is known.
pub(super) const NO_USAGE: Usage = Usage {
    in_tokens: 0,
    out_tokens: 0,
    usd_micros: 0,
    source: UsageSource::Reported,
};

impl Spend {
    pub(super) const fn unaccounted() -> Self {
        Self {
            hold: None,
            most: Amount::UNLIMITED,
            settled: NO_USAGE,
            unknown: Amount::ZERO,
            short_since: [None; 2],
        }
    }

    /// `most` that may be held, what is added included.
    pub(super) const fn held_by(hold: HeldBudget, most: Amount) -> Self {
        Self {
            hold: Some(hold),
            most,
            settled: NO_USAGE,
            unknown: Amount::ZERO,
            short_since: [None; 2],
        }
    }

    /// What is held.
    pub(super) fn held(&self) -> Amount {
        self.hold.as_ref().map_or(Amount::ZERO, HeldBudget::amount)
    }

    /// Whether there may be nothing to add.
    pub(super) fn is_limited(&self) -> bool {
        let hold = self.hold.as_ref();
        hold.is_some_and(|hold| hold.is_limited() || self.most != Amount::UNLIMITED)
    }

    /// Adds to the hold for another lane.
    pub(super) async fn add(&mut self, need: Amount) -> Result<(), Fault> {
        self.extend(need).await?;
        // There is room again.
        self.short_since = [None; 2];
        Ok(())
    }

    async fn extend(&mut self, by: Amount) -> Result<(), Fault> {
        let Some(hold) = &mut self.hold else { return Ok(()) };
        if !hold.amount().plus(by).fits(self.most) {
            let detail = "the budget of the request is spent; ask again with a larger one";
            return Err(Fault::new(Code::Budget, detail));
        }
        hold.extend(by).await
    }

    /// Holds enough for a call that needs `need`, beside what was counted and what running calls are `committed` to.
    ///
    /// # Errors
    /// `EBUDGET` where the account has no room for it; the hold stays as it is.
    pub(super) async fn reserve(&mut self, committed: Amount, need: Amount) -> Result<(), Fault> {
        let all = self.settled.amount().plus(committed).plus(need);
        match all.minus(self.held()) {
            Amount::ZERO => Ok(()),
            by => self.add(by).await,
        }
    }

    /// Tops the hold up where `used` by running calls is about to exceed it: to half as much again as was used, or by what
    /// part of that the account has room for. Tokens and money each by itself: one that is plentiful is not asked for. When
    /// the account has no room, remembers it and asks again after [`ASK_AGAIN_MS`].
    pub(super) async fn top_up(&mut self, used: Amount, now: Millis) {
        let all = used.plus(self.settled.amount());
        let ahead = Amount {
            tokens: 64,
            usd_micros: u64::from(all.usd_micros > 0),
        };
        let wanted = percent(all, 150).plus(ahead);
        for (at, only) in COMPONENTS.into_iter().enumerate() {
            let is_due = self.short_since[at].is_none_or(|since| now.since(since) >= ASK_AGAIN_MS);
            if is_due && self.exceeds(only(all), TOP_UP_AT_PERCENT) {
                let is_granted = self.extend_or_part(only(wanted.minus(self.held()))).await;
                self.short_since[at] = (!is_granted).then_some(now);
            }
        }
    }

    /// Adds `by`, or the largest part of it that is tried and fits.
    async fn extend_or_part(&mut self, mut by: Amount) -> bool {
        for _ in 0..TOP_UP_ATTEMPTS {
            if self.extend(by).await.is_ok() {
                return true;
            }
            // Rounded up: what is needed never shrinks to nothing, which would be granted for ever.
            by = by.minus(percent(by, 50));
        }
        false
    }

    /// Whether `used` by running calls exceeds the hold, tolerance included, in what nothing can be added to.
    pub(super) fn is_exhausted(&self, used: Amount) -> bool {
        let all = used.plus(self.settled.amount());
        let mut components = COMPONENTS.into_iter().zip(self.short_since);
        components.any(|(only, short)| short.is_some() && self.exceeds(only(all), 100 + TOLERANCE_PERCENT))
    }

    /// Whether `all` is more than so much of the hold.
    fn exceeds(&self, all: Amount, of_hold: u64) -> bool {
        let hold = self.hold.as_ref().map(HeldBudget::amount);
        hold.is_some_and(|hold| !all.fits(percent(hold, of_hold)))
    }

    /// Counts what a lane used, all its calls together.
    pub(super) fn count(&mut self, usage: Usage) {
        if usage.source == UsageSource::Unknown {
            self.unknown = self.unknown.plus(usage.amount());
        }
        self.settled = Usage {
            in_tokens: self.settled.in_tokens.saturating_add(usage.in_tokens),
            out_tokens: self.settled.out_tokens.saturating_add(usage.out_tokens),
            usd_micros: self.settled.usd_micros.saturating_add(usage.usd_micros),
            source: self.settled.source.max(usage.source),
        };
    }

    /// What was counted.
    pub(super) const fn used(&self) -> Usage {
        self.settled
    }

    /// Ends the hold without a charge: nothing was sent.
    pub(super) async fn release(&mut self, request: &AgentRequest) {
        let Some(hold) = self.hold.take() else { return };
        if let Err(fault) = hold.release().await {
            log::at!(warn, request, %fault, "a hold could not be released; it expires by itself");
        }
    }

    /// Ends the hold; the charge is in the journal when this returns. A second call has no effect.
    pub(super) async fn settle(&mut self, request: &AgentRequest) {
        if let Err(fault) = self.charge().await {
            // The hold stays and is charged whole when it expires: too much rather than too little.
            log::at!(warn, request, %fault, "a request could not be settled");
        }
    }

    async fn charge(&mut self) -> Result<(), Fault> {
        let Some(hold) = self.hold.take() else {
            return Ok(());
        };
        let (actual, source) = (self.settled.amount(), self.settled.source);
        hold.settle(actual, self.unknown, source).await
    }
}

/// Most output tokens of each of `choices` answers that `effective` pays for, beside `in_tokens` of input; at least one.
pub(super) fn output_of_each(effective: Amount, in_tokens: u64, choices: u64) -> u64 {
    (effective.tokens.saturating_sub(in_tokens) / choices.max(1)).max(1)
}

/// Rounded down; saturates after the division only.
const fn percent(amount: Amount, percent: u64) -> Amount {
    const fn of(number: u64, percent: u64) -> u64 {
        let rest = number % 100 * percent / 100;
        (number / 100).saturating_mul(percent).saturating_add(rest)
    }
    Amount {
        tokens: of(amount.tokens, percent),
        usd_micros: of(amount.usd_micros, percent),
    }
}

#[cfg(test)]
mod tests;
