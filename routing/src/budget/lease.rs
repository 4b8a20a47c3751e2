//! Parts of an account that a thread, or a node, spends from without asking (atp.md 17.3, "Cluster").
//!
//! At home, in the [`Ledger`](super::Ledger), a lease is a [`Hold`]: reserved on the account and all its ancestors, so that
//! the sum of all leases and the rest never exceeds a limit. Its holder has a [`Slice`], which takes and settles holds of
//! its own against it. In between go
//!
//! - grants: the home proposes a hold, or an extension of [`grant`] size, and the holder is told with [`Slice::extend`];
//! - reports: the holder says in numbered [`Report`]s what was spent and what it gives back; the home takes each once.
//!
//! When the account runs short the home asks holders to [`Slice::give_back`]. A holder that dies leaves its lease to expire:
//! the rest of it is charged as unknown, so the account may refuse too early but never overspends.
//!
//! At the bounds: a slice that cannot cover a hold says how much it lacks; past its expiry it takes nothing; the number of
//! its holds is bounded by its calls.

use atp_protocol::adapter::UsageSource;
use atp_protocol::units::{Amount, UnixMillis};

use super::ended::Ended;
use super::hold::Holds;
use super::{Hold, HoldId, NotLive, Report};

/// Ids of ended holds that a slice remembers.
const ENDED: usize = 4_096;

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

/// Why a slice did not take a hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Short {
    /// It has too little. Ask home for at least that much more, then try again.
    #[error("the slice lacks {} tokens, {} usd_micros and {calls} calls", .lacking.tokens, .lacking.usd_micros)]
    Lacking {
        /// What is missing.
        lacking: Amount,
        /// Calls that are missing.
        calls: u32,
    },
    /// The lease has expired, or would before the hold. Have it extended first.
    #[error("the lease expires at {}, before the hold would", .expires_at.0)]
    Expiring {
        /// When the lease expires.
        expires_at: UnixMillis,
    },
    /// The id was used before.
    #[error("hold {id} exists or ended a short while ago; use a fresh id")]
    Reused {
        /// The id.
        id: HoldId,
    },
    /// The hold to be topped up is not live.
    #[error(transparent)]
    NotLive(#[from] NotLive),
}

/// The holder's side of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// What of the lease is neither reported as spent nor given back.
    lease: Hold,
    holds: Holds,
    held: Amount,
    running: u32,
    /// What is to be said in the next report.
    pending: Report,
}

impl Slice {
    /// The slice of a lease as granted.
    #[must_use]
    pub fn new(lease: Hold) -> Self {
        Self {
            lease,
            holds: Holds::new(Ended::new(ENDED)),
            held: Amount::ZERO,
            running: 0,
            pending: Report::default(),
        }
    }

    /// The lease was extended.
    pub fn extend(&mut self, by: Amount, calls: u32, expires_at: UnixMillis) {
        self.lease.amount = self.lease.amount.plus(by);
        self.lease.calls = self.lease.calls.saturating_add(calls);
        self.lease.expires_at = self.lease.expires_at.max(expires_at);
    }

    /// When the lease expires.
    #[must_use]
    pub const fn expires_at(&self) -> UnixMillis {
        self.lease.expires_at
    }

    /// What a hold could take.
    #[must_use]
    pub const fn free(&self) -> Amount {
        self.lease.amount.minus(self.pending.spent).minus(self.held)
    }

    /// Calls that a hold could take.
    #[must_use]
    pub const fn free_calls(&self) -> u32 {
        self.lease.calls.saturating_sub(self.running)
    }

    /// One of its holds.
    #[must_use]
    pub fn hold(&self, id: &HoldId) -> Option<&Hold> {
        self.holds.get(id)
    }

    /// When [`Self::expire`] has something to do next.
    #[must_use]
    pub fn next_expiry(&self) -> Option<UnixMillis> {
        self.holds.next_expiry()
    }

    /// Reserves for one request of the leased account.
    ///
    /// # Errors
    /// [`Short`]; nothing was reserved.
    pub fn take(
        &mut self,
        now: UnixMillis,
        id: &HoldId,
        amount: Amount,
        expires_at: UnixMillis,
    ) -> Result<(), Short> {
        if self.holds.knows(id) {
            return Err(Short::Reused { id: id.clone() });
        }
        if now >= self.lease.expires_at || expires_at > self.lease.expires_at {
            return Err(Short::Expiring {
                expires_at: self.lease.expires_at,
            });
        }
        self.cover(amount, 1)?;
        let hold = Hold::request(self.lease.account.clone(), amount, expires_at);
        self.holds.insert(id.clone(), hold);
        self.held = self.held.plus(amount);
        self.running += 1;
        Ok(())
    }

    /// Adds to a live hold.
    ///
    /// # Errors
    /// [`Short::Lacking`], [`Short::NotLive`]; the hold stays as it is.
    pub fn top_up(&mut self, id: &HoldId, by: Amount) -> Result<(), Short> {
        self.holds.live(id)?;
        self.cover(by, 0)?;
        self.holds.update(id, |hold| hold.amount = hold.amount.plus(by));
        self.held = self.held.plus(by);
        Ok(())
    }

    fn cover(&self, amount: Amount, calls: u32) -> Result<(), Short> {
        let lacking = amount.minus(self.free());
        let calls = calls.saturating_sub(self.free_calls());
        match lacking == Amount::ZERO && calls == 0 {
            true => Ok(()),
            false => Err(Short::Lacking { lacking, calls }),
        }
    }

    /// Ends a hold and charges what was used; with [`UsageSource::Unknown`] the whole hold. What the hold and the free part
    /// of the slice do not cover is reported as used beyond it.
    ///
    /// # Errors
    /// [`NotLive`]: a repeat has no effect.
    pub fn settle(&mut self, id: &HoldId, actual: Amount, source: UsageSource) -> Result<(), NotLive> {
        let hold = self.end(id)?;
        let (actual, unknown) = match source {
            UsageSource::Reported | UsageSource::Estimated => (actual, Amount::ZERO),
            UsageSource::Unknown => (hold.amount, hold.amount),
        };
        let covered = actual.min(self.free());
        self.pending.spent = self.pending.spent.plus(covered);
        self.pending.beyond = self.pending.beyond.plus(actual.minus(covered));
        self.pending.unknown = self.pending.unknown.plus(unknown);
        Ok(())
    }

    /// Ends a hold under which no work was done.
    ///
    /// # Errors
    /// [`NotLive`]: a repeat has no effect.
    pub fn release(&mut self, id: &HoldId) -> Result<(), NotLive> {
        self.end(id).map(|_| ())
    }

    fn end(&mut self, id: &HoldId) -> Result<Hold, NotLive> {
        self.holds.live(id)?;
        let hold = self
            .holds
            .end(id)
            .expect("a hold that was found live is there to end");
        self.held = self.held.minus(hold.amount);
        self.running = self.running.saturating_sub(hold.calls);
        Ok(hold)
    }

    /// Charges holds whose outcome nobody reported in time, whole and as unknown. Returns how many.
    pub fn expire(&mut self, now: UnixMillis) -> usize {
        let due: Vec<HoldId> = self.holds.expired(now).map(|(id, _)| id.clone()).collect();
        due.iter()
            .filter(|id| self.settle(id, Amount::ZERO, UsageSource::Unknown).is_ok())
            .count()
    }

    /// What was spent since the last report. `None` if nothing was. To be sent home until it is taken.
    pub fn report(&mut self) -> Option<Report> {
        let Report { spent, beyond, .. } = self.pending;
        (spent != Amount::ZERO || beyond != Amount::ZERO).then(|| self.give_back(Amount::ZERO, 0))
    }

    /// A report that also gives back up to `amount` and `calls` of what is free.
    pub fn give_back(&mut self, amount: Amount, calls: u32) -> Report {
        let returned = amount.min(self.free());
        let calls = calls.min(self.free_calls());
        self.lease.reports += 1;
        let report = Report {
            number: self.lease.reports,
            returned,
            calls,
            ..std::mem::take(&mut self.pending)
        };
        self.lease.amount = self.lease.amount.minus(report.spent).minus(returned);
        self.lease.calls -= calls;
        report
    }
}
