//! Decides about leases. As everywhere in the ledger, nothing here changes anything.

use atp_protocol::ids::AccountId;
use atp_protocol::units::{Amount, UnixMillis};

use super::{Grant, Granted, LeaseState, Share, Statement};
use crate::budget::{Balance, Component, Hold, HoldId, Ledger, NotLive, Record, Refusal, grant};

/// Leased at a time of what has no limit: enough to be asked for seldom, and little enough for any number of holders.
const PLENTY: Amount = Amount {
    tokens: 1 << 40,
    usd_micros: 1 << 40,
};

/// The same of calls.
const MANY_CALLS: u32 = 1 << 12;

/// Least part of the remaining calls that is leased beyond what is lacking, as a divisor.
const CALLS_PART: u32 = 10;

impl Ledger {
    /// Leases at least what is lacking, at most that or a tenth of what is left, up to the demand; of what has no limit,
    /// plenty.
    ///
    /// # Errors
    /// [`Refusal`]; [`Refusal::NotLive`] for a lease that is over.
    pub fn propose_grant(&self, ask: &Grant) -> Result<Record, Refusal> {
        let (amount, calls) = self.size(ask);
        let never = UnixMillis(u64::MAX);
        if self.hold(&ask.lease).is_some() {
            return self.propose_extend(&ask.lease, amount, calls, never);
        }
        let lease = Hold {
            calls,
            ..Hold::request(ask.account.clone(), amount, never)
        };
        match self.propose_hold(UnixMillis(0), &ask.lease, lease) {
            Err(Refusal::Reused { id }) => Err(NotLive::Ended { id }.into()),
            proposed => proposed,
        }
    }

    fn size(&self, ask: &Grant) -> (Amount, u32) {
        let limited = |component| self.is_limited_in(&ask.account, component);
        let of = |component: Component, limited_part: u64, plenty: u64, lacking: u64| match limited(component)
        {
            true => limited_part,
            false => plenty.max(lacking),
        };
        let left = self.remaining(&ask.account).unwrap_or_default();
        let part = grant(left, ask.lacking, ask.demand);
        let amount = Amount {
            tokens: of(Component::Tokens, part.tokens, PLENTY.tokens, ask.lacking.tokens),
            usd_micros: of(
                Component::Usd,
                part.usd_micros,
                PLENTY.usd_micros,
                ask.lacking.usd_micros,
            ),
        };
        let slots = self
            .chain(&ask.account)
            .map(|(_, account)| account.remaining(Component::Parallel))
            .min();
        let slots = slots.map_or(0, |slots| u32::try_from(slots).unwrap_or(u32::MAX));
        let calls = match (limited(Component::Parallel), ask.calls) {
            (_, 0) => 0,
            (true, calls) => calls.max((slots / CALLS_PART).min(MANY_CALLS)),
            (false, calls) => calls.max(MANY_CALLS),
        };
        (amount, calls)
    }

    /// What changes with a statement: nothing where it renews only, or says what was said before. One that ends a lease nobody
    /// has heard of makes sure that none of that name begins: the grant that asked for it may still be on its way.
    ///
    /// # Errors
    /// [`NotLive`]: the lease is over.
    pub fn propose_statement(&self, now: UnixMillis, statement: &Statement) -> Result<Vec<Record>, NotLive> {
        let lease = match self.holds.live(&statement.lease) {
            Err(NotLive::Unknown { id }) if statement.ends => {
                return Ok(vec![Record::Ended { ids: vec![id] }]);
            }
            lease => lease?,
        };
        let mut records = Vec::new();
        let (mut amount, mut calls, mut reports) = (lease.amount, lease.calls, lease.reports);
        if let Some(report) = statement.report
            && let Ok(record) = self.propose_report(now, &statement.lease, report)
        {
            records.push(record);
            reports = report.number;
            amount = amount.minus(report.spent).minus(report.returned);
            calls = calls.saturating_sub(report.calls);
        }
        let is_all_said = statement.report.is_none_or(|report| report.number <= reports);
        if statement.ends && is_all_said && amount == Amount::ZERO && calls == 0 {
            records.push(Record::Released {
                id: statement.lease.clone(),
            });
        }
        Ok(records)
    }

    /// What its holder is told of a live lease; `asks` and `ttl_ms` are not in the ledger.
    #[must_use]
    pub fn granted(&self, lease: &HoldId, asks: u64, ttl_ms: u64) -> Option<Granted> {
        let hold = self.hold(lease)?;
        Some(Granted {
            state: LeaseState {
                asks,
                reports: hold.reports,
                amount: hold.amount,
                calls: hold.calls,
            },
            ttl_ms,
            root: self.root(&hold.account)?.clone(),
            is_limited: [Component::Tokens, Component::Usd]
                .into_iter()
                .any(|component| self.is_limited_in(&hold.account, component)),
        })
    }

    /// The root of an account's tree.
    #[must_use]
    pub fn root(&self, account: &AccountId) -> Option<&AccountId> {
        self.chain(account).last().map(|(id, _)| id)
    }

    fn is_limited_in(&self, account: &AccountId, component: Component) -> bool {
        let unlimited = component.of(u32::MAX, Amount::UNLIMITED);
        self.chain(account)
            .any(|(_, account)| account.limit(component) != unlimited)
    }

    /// What an account has spent and reserved, without what holders said they have free of their leases. A share of a lease
    /// that is over counts for nothing, and what no holder spoke for counts as held.
    #[must_use]
    pub fn balance_beside(&self, account: &AccountId, shares: &[Share]) -> Option<Balance> {
        let mut balance = self.account(account)?.balance();
        for share in shares {
            let Some(lease) = self.hold(&share.lease) else {
                continue;
            };
            if self.chain(&lease.account).any(|(id, _)| id == account) {
                balance.held = balance.held.minus(share.free.min(lease.amount));
                balance.in_flight = balance.in_flight.saturating_sub(share.calls.min(lease.calls));
            }
        }
        Some(balance)
    }
}
