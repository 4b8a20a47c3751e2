//! The money side of one request: one hold over all lanes, topped up while it runs, settled once.

use atp_protocol::adapter::{Usage, UsageSource};
use atp_protocol::error::Fault;
use atp_protocol::request::AgentRequest;
use atp_protocol::units::Amount;

use super::log;
use crate::ledger::HeldBudget;

/// How much of a hold may be used before it is topped up.
const TOP_UP_AT_PERCENT: u64 = 90;

/// Sizes of a top-up that are tried, each half the one before: the last of an account is worth having, but not token by token.
const TOP_UP_ATTEMPTS: u32 = 5;

/// What a lane may use beyond its hold when nothing can be added (atp.md 17.3).
const TOLERANCE_PERCENT: u64 = 10;

/// A request's hold, or nothing where nothing is accounted for.
pub(super) struct Spend {
    hold: Option<HeldBudget>,
    settled: Usage,
    is_short: bool,
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
            settled: NO_USAGE,
            is_short: false,
        }
    }

    pub(super) const fn held_by(hold: HeldBudget) -> Self {
        Self {
            hold: Some(hold),
            settled: NO_USAGE,
            is_short: false,
        }
    }

    /// What is held.
    pub(super) fn held(&self) -> Amount {
        self.hold.as_ref().map_or(Amount::ZERO, HeldBudget::amount)
    }

    /// Whether the account can run out.
    pub(super) fn is_limited(&self) -> bool {
        self.hold.as_ref().is_some_and(HeldBudget::is_limited)
    }

    /// Adds to the hold for another lane.
    pub(super) async fn add(&mut self, need: Amount) -> Result<(), Fault> {
        match &mut self.hold {
            Some(hold) => hold.extend(need).await,
            None => Ok(()),
        }
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

    /// Whether more must be held before going on, with `used` by running calls.
    pub(super) fn wants_more(&self, used: Amount) -> bool {
        let Some(hold) = &self.hold else { return false };
        let all = used.plus(self.settled.amount());
        !self.is_short && !all.fits(percent(hold.amount(), TOP_UP_AT_PERCENT))
    }

    /// Tops the hold up to half as much again as was used, or by what part of that the account has room for; when it has
    /// none, remembers it.
    pub(super) async fn top_up(&mut self, used: Amount) {
        let all = used.plus(self.settled.amount());
        let Some(hold) = &mut self.hold else { return };
        let ahead = Amount {
            tokens: 64,
            usd_micros: u64::from(all.usd_micros > 0),
        };
        let mut by = percent(all, 150).plus(ahead).minus(hold.amount());
        for _ in 0..TOP_UP_ATTEMPTS {
            if hold.extend(by).await.is_ok() {
                return;
            }
            // Rounded up: a component that is needed never shrinks to nothing, which would be granted for ever.
            by = by.minus(percent(by, 50));
        }
        self.is_short = true;
    }

    /// Whether `used` by running calls exceeds the hold, tolerance included, and nothing can be added.
    pub(super) fn is_exhausted(&self, used: Amount) -> bool {
        let Some(hold) = &self.hold else { return false };
        let all = used.plus(self.settled.amount());
        self.is_short && !all.fits(percent(hold.amount(), 100 + TOLERANCE_PERCENT))
    }

    /// Counts what a lane used, all its calls together.
    pub(super) fn count(&mut self, usage: Usage) {
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
        let Some(hold) = self.hold.take() else { return };
        let result: Result<(), Fault> = hold.settle(self.settled.amount(), self.settled.source).await;
        if let Err(fault) = result {
            // The hold stays and is charged whole when it expires: too much rather than too little.
            log::at!(warn, request, %fault, "a request could not be settled");
        }
    }
}

/// Most output tokens of each of `choices` answers that `effective` pays for, beside `in_tokens` of input; at least one.
pub(super) fn output_of_each(effective: Amount, in_tokens: u64, choices: u64) -> u64 {
    (effective.tokens.saturating_sub(in_tokens) / choices.max(1)).max(1)
}

const fn percent(amount: Amount, percent: u64) -> Amount {
    Amount {
        tokens: amount.tokens.saturating_mul(percent) / 100,
        usd_micros: amount.usd_micros.saturating_mul(percent) / 100,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::testing::world;
    use crate::ledger::testing::{hold, ledger};

    const fn tokens(tokens: u64) -> Amount {
        Amount {
            tokens,
            usd_micros: 0,
        }
    }

    const fn used(tokens: u64) -> Usage {
        Usage {
            out_tokens: tokens,
            ..NO_USAGE
        }
    }

    async fn local<F: Future>(test: F) -> F::Output {
        tokio::task::LocalSet::new().run_until(test).await
    }

    #[test]
    fn all_answers_together_stay_within_what_is_paid_for() {
        assert_eq!(output_of_each(tokens(1_000), 200, 1), 800);
        assert_eq!(output_of_each(tokens(1_000), 200, 8), 100);
        assert_eq!(output_of_each(tokens(100), 200, 8), 1);
        assert_eq!(output_of_each(tokens(1_000), 0, 0), 1_000);
    }

    #[tokio::test]
    async fn a_call_in_place_of_another_has_its_own_need_held() {
        local(async {
            let ledger = ledger(world().0, tokens(500)).await;
            let mut spend = Spend::held_by(hold(&ledger, "r1", tokens(100)).await);
            // The first call refused, and billed nothing: what was held for it does for one that needs no more.
            spend.reserve(tokens(0), tokens(80)).await.unwrap();
            assert_eq!(spend.held(), tokens(100));
            // Another call is committed to 60 of the hold.
            spend.reserve(tokens(60), tokens(80)).await.unwrap();
            assert_eq!(spend.held(), tokens(140));
            // A call broke off and is billed.
            spend.count(used(90));
            spend.reserve(tokens(60), tokens(100)).await.unwrap();
            assert_eq!(spend.held(), tokens(250));
            let fault = spend.reserve(tokens(60), tokens(400)).await.unwrap_err();
            assert_eq!(fault.code, atp_protocol::error::Code::Budget);
            assert_eq!(spend.held(), tokens(250));
        })
        .await;
    }
}
