//! The holder's side of a lease.

use atp_protocol::adapter::UsageSource;
use atp_protocol::units::{Amount, UnixMillis};

use crate::budget::ended::Ended;
use crate::budget::hold::Holds;
use crate::budget::{Hold, HoldId, NotLive, Report};

/// Ids of ended holds that a slice remembers.
const ENDED: usize = 1_024;

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
    pub fn extend(&mut self, by: Amount, calls: u32) {
        self.lease.amount = self.lease.amount.plus(by);
        self.lease.calls = self.lease.calls.saturating_add(calls);
    }

    /// The lease is that large, what is to be said in the next report included.
    pub(in crate::budget) const fn resize(&mut self, amount: Amount, calls: u32) {
        self.lease.amount = amount;
        self.lease.calls = calls;
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
    pub fn take(&mut self, id: &HoldId, amount: Amount, expires_at: UnixMillis) -> Result<(), Short> {
        self.check(id, amount)?;
        self.insert(id, amount, expires_at);
        Ok(())
    }

    /// Whether [`Self::take`] would succeed.
    ///
    /// # Errors
    /// [`Short`].
    pub fn check(&self, id: &HoldId, amount: Amount) -> Result<(), Short> {
        match self.holds.knows(id) {
            true => Err(Short::Reused { id: id.clone() }),
            false => self.cover(amount, 1),
        }
    }

    /// A hold that was taken; one that is there already stays as it is.
    pub(in crate::budget) fn insert(&mut self, id: &HoldId, amount: Amount, expires_at: UnixMillis) -> bool {
        if self.holds.get(id).is_some() {
            return false;
        }
        let hold = Hold::request(self.lease.account.clone(), amount, expires_at);
        self.holds.insert(id.clone(), hold);
        self.held = self.held.plus(amount);
        self.running += 1;
        true
    }

    /// Adds to a live hold.
    ///
    /// # Errors
    /// [`Short::Lacking`], [`Short::NotLive`]; the hold stays as it is.
    pub fn top_up(&mut self, id: &HoldId, by: Amount) -> Result<(), Short> {
        self.check_top_up(id, by)?;
        self.add(id, by, UnixMillis(0));
        Ok(())
    }

    /// Whether [`Self::top_up`] would succeed.
    ///
    /// # Errors
    /// [`Short`].
    pub fn check_top_up(&self, id: &HoldId, by: Amount) -> Result<(), Short> {
        self.holds.live(id)?;
        self.cover(by, 0)
    }

    /// A live hold was topped up, and lives at least until `expires_at`.
    pub(in crate::budget) fn add(&mut self, id: &HoldId, by: Amount, expires_at: UnixMillis) {
        if self.holds.get(id).is_none() {
            return;
        }
        self.holds.update(id, |hold| {
            hold.amount = hold.amount.plus(by);
            hold.expires_at = hold.expires_at.max(expires_at);
        });
        self.held = self.held.plus(by);
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
        let held = self.holds.live(id)?.amount;
        match source {
            UsageSource::Reported | UsageSource::Estimated => self.charge(id, actual, Amount::ZERO),
            UsageSource::Unknown => self.charge(id, held, held),
        }
    }

    /// Ends a hold and charges `actual`, of which `unknown` is a guess.
    ///
    /// # Errors
    /// [`NotLive`]: a repeat has no effect.
    pub fn charge(&mut self, id: &HoldId, actual: Amount, unknown: Amount) -> Result<(), NotLive> {
        self.end(id)?;
        let covered = actual.min(self.free());
        self.pending.spent = self.pending.spent.plus(covered);
        self.pending.beyond = self.pending.beyond.plus(actual.minus(covered));
        self.pending.unknown = self.pending.unknown.plus(unknown.min(actual));
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
        self.has_spent().then(|| self.give_back(Amount::ZERO, 0))
    }

    /// Whether there is something to report.
    #[must_use]
    pub fn has_spent(&self) -> bool {
        self.pending.spent != Amount::ZERO || self.pending.beyond != Amount::ZERO
    }

    /// A report that also gives back up to `amount` and `calls` of what is free.
    pub fn give_back(&mut self, amount: Amount, calls: u32) -> Report {
        let report = self.draft(amount, calls);
        self.said(&report);
        report
    }

    /// The report that [`Self::give_back`] would make.
    #[must_use]
    pub fn draft(&self, amount: Amount, calls: u32) -> Report {
        Report {
            number: self.lease.reports + 1,
            returned: amount.min(self.free()),
            calls: calls.min(self.free_calls()),
            ..self.pending
        }
    }

    /// A report was made.
    pub(in crate::budget) fn said(&mut self, report: &Report) {
        self.lease.reports = report.number;
        self.lease.amount = self.lease.amount.minus(report.spent).minus(report.returned);
        self.lease.calls = self.lease.calls.saturating_sub(report.calls);
        self.pending.spent = self.pending.spent.minus(report.spent);
        self.pending.beyond = self.pending.beyond.minus(report.beyond);
        self.pending.unknown = self.pending.unknown.minus(report.unknown);
    }

    /// Number of the last report made; 0 before the first.
    #[must_use]
    pub const fn reports(&self) -> u64 {
        self.lease.reports
    }

    /// What is to be said in the next report, and the number of the last one.
    pub(in crate::budget) const fn pending(&self) -> Report {
        Report {
            number: self.lease.reports,
            ..self.pending
        }
    }

    /// What was to be said is said, by a report of this number or before it.
    pub(in crate::budget) const fn restore(&mut self, pending: Report) {
        self.lease.reports = pending.number;
        self.pending = Report { number: 0, ..pending };
    }

    /// Remembers the id of a hold that ended before.
    pub(in crate::budget) fn remember(&mut self, id: HoldId) {
        self.holds.remember(id);
    }

    /// Its live holds, in the order of their ids.
    pub fn holds(&self) -> impl Iterator<Item = (&HoldId, &Hold)> {
        self.holds.iter()
    }

    /// Ids of holds that ended, the oldest first.
    pub(in crate::budget) fn ended(&self) -> impl Iterator<Item = &HoldId> {
        self.holds.ended()
    }

    /// Holds expired at `now`, the oldest expiry first.
    pub(in crate::budget) fn expired(&self, now: UnixMillis) -> impl Iterator<Item = (&HoldId, &Hold)> {
        self.holds.expired(now)
    }

    /// Whether nothing is left of it: no holds, nothing free, nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lease.amount == Amount::ZERO
            && self.lease.calls == 0
            && self.holds.len() == 0
            && !self.has_spent()
    }
}
