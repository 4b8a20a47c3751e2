//! Decides what may change. Nothing here changes anything.

use atp_protocol::adapter::UsageSource;
use atp_protocol::ids::AccountId;
use atp_protocol::units::{Amount, UnixMillis};

use super::{
    AccountError, Component, Hold, HoldId, Ledger, Limits, NotLive, Record, Refusal, Report, ReportError,
};

impl Ledger {
    /// Makes an account, or replaces the limits of one.
    ///
    /// A lower `max_parallel` than there are calls in flight is accepted and takes effect as they end.
    ///
    /// # Errors
    /// [`AccountError`]; limits of tokens and money cannot be below what is settled and held.
    pub fn propose_account(
        &self,
        id: &AccountId,
        parent: Option<&AccountId>,
        limits: Limits,
    ) -> Result<Record, AccountError> {
        if let Some(parent) = parent {
            self.check_parent(id, parent)?;
        }
        match self.accounts.get(id) {
            Some(account) if account.parent.as_ref() != parent => {
                return Err(AccountError::ParentFixed {
                    id: id.clone(),
                    parent: account.parent.clone(),
                });
            }
            Some(account) => check_limits(id, account.in_use(), limits)?,
            None if self.accounts.len() >= self.bounds.accounts => {
                return Err(AccountError::TooMany {
                    max: self.bounds.accounts,
                });
            }
            None => {}
        }
        Ok(Record::Account {
            id: id.clone(),
            parent: parent.cloned(),
            limits,
        })
    }

    fn check_parent(&self, id: &AccountId, parent: &AccountId) -> Result<(), AccountError> {
        if id == parent || self.chain(parent).any(|(ancestor, _)| ancestor == id) {
            return Err(AccountError::Cycle {
                id: id.clone(),
                parent: parent.clone(),
            });
        }
        match self.chain(parent).count() {
            0 => Err(AccountError::UnknownParent {
                parent: parent.clone(),
            }),
            levels if levels >= self.bounds.depth => Err(AccountError::TooDeep {
                id: id.clone(),
                max: self.bounds.depth,
            }),
            _ => Ok(()),
        }
    }

    /// Closes an account that nothing depends on, as a session's at its end.
    ///
    /// # Errors
    /// [`AccountError::Unknown`], [`AccountError::InUse`].
    pub fn propose_close(&self, id: &AccountId) -> Result<Record, AccountError> {
        let account = self
            .accounts
            .get(id)
            .ok_or_else(|| AccountError::Unknown { id: id.clone() })?;
        if account.balance.in_flight > 0 || account.balance.held != Amount::ZERO || account.children > 0 {
            return Err(AccountError::InUse {
                id: id.clone(),
                in_flight: account.balance.in_flight,
                children: account.children,
            });
        }
        Ok(Record::Closed { id: id.clone() })
    }

    /// Reserves on the account and all its ancestors, or nothing.
    ///
    /// # Errors
    /// [`Refusal`]; what is short is found before anything is reserved.
    pub fn propose_hold(&self, now: UnixMillis, id: &HoldId, hold: Hold) -> Result<Record, Refusal> {
        if self.holds.knows(id) {
            return Err(Refusal::Reused { id: id.clone() });
        }
        if hold.expires_at <= now {
            return Err(Refusal::Expired {
                expires_at: hold.expires_at,
                late_ms: now.0 - hold.expires_at.0,
            });
        }
        self.preflight(&hold.account, hold.amount, hold.calls)?;
        if self.holds.len() >= self.bounds.holds {
            return Err(Refusal::TooManyHolds {
                max: self.bounds.holds,
            });
        }
        Ok(Record::Held { id: id.clone(), hold })
    }

    /// Tops up a live hold by an amount and calls, and lets it live at least until `expires_at`.
    ///
    /// # Errors
    /// [`Refusal::NotLive`], [`Refusal::NoRoom`], [`Refusal::NeverFits`]; the hold stays as it is.
    pub fn propose_extend(
        &self,
        id: &HoldId,
        by: Amount,
        calls: u32,
        expires_at: UnixMillis,
    ) -> Result<Record, Refusal> {
        let hold = self.holds.live(id)?;
        self.preflight(&hold.account, by, calls)?;
        Ok(Record::Extended {
            id: id.clone(),
            by,
            calls,
            expires_at,
        })
    }

    /// Takes a report on a lease, which lives on with the rest.
    ///
    /// # Errors
    /// [`ReportError`]; the lease stays as it is.
    pub fn propose_report(
        &self,
        now: UnixMillis,
        id: &HoldId,
        report: Report,
    ) -> Result<Record, ReportError> {
        let expected = self.holds.live(id)?.reports + 1;
        match report.number == expected {
            true => Ok(Record::Reported {
                id: id.clone(),
                report,
                at: now,
            }),
            false => Err(ReportError::OutOfOrder {
                number: report.number,
                expected,
            }),
        }
    }

    /// Ends a hold and charges what was used. With [`UsageSource::Unknown`] that is the whole hold, whatever `actual` says.
    ///
    /// # Errors
    /// [`NotLive`]: a repeat has no effect.
    pub fn propose_settle(
        &self,
        now: UnixMillis,
        id: &HoldId,
        actual: Amount,
        source: UsageSource,
    ) -> Result<Record, NotLive> {
        let hold = self.holds.live(id)?;
        Ok(Record::Settled {
            id: id.clone(),
            actual: match source {
                UsageSource::Reported | UsageSource::Estimated => actual,
                UsageSource::Unknown => hold.amount,
            },
            source,
            at: now,
        })
    }

    /// Ends a hold and charges `actual`, all that its calls used together; `unknown` of it is a guess.
    ///
    /// # Errors
    /// [`NotLive`]: a repeat has no effect.
    pub fn propose_settle_partly(
        &self,
        now: UnixMillis,
        id: &HoldId,
        actual: Amount,
        unknown: Amount,
    ) -> Result<Record, NotLive> {
        self.holds.live(id)?;
        Ok(Record::SettledPartly {
            id: id.clone(),
            actual,
            unknown,
            at: now,
        })
    }

    /// Ends a hold under which no work was done.
    ///
    /// # Errors
    /// [`NotLive`]: a repeat has no effect.
    pub fn propose_release(&self, id: &HoldId) -> Result<Record, NotLive> {
        self.holds.live(id)?;
        Ok(Record::Released { id: id.clone() })
    }

    /// Decides about holds whose outcome nobody reported in time, at most `max` of them, the longest expired first. One that
    /// `renewed` names a later expiry for, because its holder is still at work, lives on. Of the others, dispatched ones are
    /// charged whole as unknown and the rest released.
    #[must_use]
    pub fn propose_expired(
        &self,
        now: UnixMillis,
        max: usize,
        renewed: impl Fn(&HoldId) -> Option<UnixMillis>,
    ) -> Vec<Record> {
        let end = |(id, hold): (&HoldId, &Hold)| match (renewed(id), hold.dispatched) {
            (Some(expires_at), _) => Record::Extended {
                id: id.clone(),
                by: Amount::ZERO,
                calls: 0,
                expires_at,
            },
            (None, true) => Record::Settled {
                id: id.clone(),
                actual: hold.amount,
                source: UsageSource::Unknown,
                at: now,
            },
            (None, false) => Record::Released { id: id.clone() },
        };
        self.holds.expired(now).take(max).map(end).collect()
    }
}

fn check_limits(id: &AccountId, in_use: Amount, limits: Limits) -> Result<(), AccountError> {
    let limit = limits.amount();
    for component in [Component::Tokens, Component::Usd] {
        let (limit, in_use) = (component.of(0, limit), component.of(0, in_use));
        if limit < in_use {
            return Err(AccountError::LimitBelowUse {
                id: id.clone(),
                component,
                limit,
                in_use,
            });
        }
    }
    Ok(())
}
