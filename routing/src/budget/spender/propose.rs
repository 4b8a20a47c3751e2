//! Decides what requests may change. Nothing here changes anything.

use atp_protocol::ids::AccountId;
use atp_protocol::units::{Amount, Millis, UnixMillis};

use super::due::is_short;
use super::state::Place;
use super::{Record, Spender, Want};
use crate::budget::{Hold, HoldId, NotLive, Refusal, Short};

/// Why a hold was not taken at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTaken {
    /// Home has to be asked first.
    Wait,
    /// It never will be.
    Refused(Refusal),
}

impl From<Refusal> for NotTaken {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Spender {
    /// Takes or tops up a hold out of the lease.
    ///
    /// # Errors
    /// [`NotTaken`]; the first in line goes first, so that with others waiting a hold waits too.
    pub fn propose(&self, now: Millis, unix: UnixMillis, want: &Want) -> Result<Record, NotTaken> {
        let place = self.accounts.get(&want.account);
        let slice = place.and_then(|place| Some(&place.lease.as_ref()?.slice));
        let is_covered = match (slice, want.tops_up) {
            (None, true) => return Err(unknown(&want.id)),
            (None, false) => false,
            (Some(slice), _) => covered(want.check(slice))?,
        };
        if !want.tops_up {
            self.check_new(unix, want)?;
        }
        let is_open = place.is_some_and(|place| {
            let desk = &place.desk;
            desk.is_valid(now) && !desk.ends && (want.tops_up || desk.waiting.is_empty())
        });
        match is_covered && is_open {
            true => Ok(want.record()),
            false => Err(NotTaken::Wait),
        }
    }

    fn check_new(&self, unix: UnixMillis, want: &Want) -> Result<(), Refusal> {
        if want.expires_at <= unix {
            return Err(Refusal::Expired {
                expires_at: want.expires_at,
                late_ms: unix.0 - want.expires_at.0,
            });
        }
        match self.holds >= self.settings.holds {
            true => Err(Refusal::TooManyHolds {
                max: self.settings.holds,
            }),
            false => Ok(()),
        }
    }

    /// Ends a hold and charges `actual`, of which `unknown` is a guess.
    ///
    /// # Errors
    /// [`NotLive`]: a repeat has no effect.
    pub fn propose_settle(
        &self,
        account: &AccountId,
        id: &HoldId,
        actual: Amount,
        unknown: Amount,
    ) -> Result<Record, NotLive> {
        self.live(account, id)?;
        Ok(Record::Settled {
            account: account.clone(),
            id: id.clone(),
            actual,
            unknown,
        })
    }

    /// Ends a hold under which no work was done.
    ///
    /// # Errors
    /// [`NotLive`]: a repeat has no effect.
    pub fn propose_release(&self, account: &AccountId, id: &HoldId) -> Result<Record, NotLive> {
        self.live(account, id)?;
        Ok(Record::Released {
            account: account.clone(),
            id: id.clone(),
        })
    }

    fn live(&self, account: &AccountId, id: &HoldId) -> Result<(), NotLive> {
        let hold = self.slice(account).and_then(|slice| slice.hold(id));
        hold.map(|_| ())
            .ok_or_else(|| NotLive::Unknown { id: id.clone() })
    }

    /// Decides about holds whose outcome nobody reported in time, at most `max` of them. One that `renewed` names a later
    /// expiry for, because its holder is still at work, lives on; the others are charged whole as unknown.
    #[must_use]
    pub fn propose_expired(
        &self,
        now: UnixMillis,
        max: usize,
        renewed: impl Fn(&HoldId) -> Option<UnixMillis>,
    ) -> Vec<Record> {
        let slices = self
            .accounts
            .iter()
            .filter_map(|(account, place)| Some((account, &place.lease.as_ref()?.slice)));
        let expired =
            slices.flat_map(|(account, slice)| slice.expired(now).map(move |(id, hold)| (account, id, hold)));
        let end = |(account, id, hold): (&AccountId, &HoldId, &Hold)| match renewed(id) {
            Some(expires_at) => Record::Extended {
                account: account.clone(),
                id: id.clone(),
                by: Amount::ZERO,
                expires_at,
            },
            None => Record::Settled {
                account: account.clone(),
                id: id.clone(),
                actual: hold.amount,
                unknown: hold.amount,
            },
        };
        expired.take(max).map(end).collect()
    }

    /// A hold was taken or topped up without waiting. Returns whether there is reason to ask for more.
    pub fn on_taken(&mut self, now: Millis, unix: UnixMillis, account: &AccountId, amount: Amount) -> bool {
        let Some(Place { lease, desk }) = self.accounts.get_mut(account) else {
            return false;
        };
        desk.used_at = now;
        desk.demand.record(unix, amount);
        let demand = desk.demand.amount(unix);
        let may_ask = desk.ask.is_none() && now >= desk.pause_until;
        may_ask && lease.as_ref().is_some_and(|lease| is_short(&lease.slice, demand))
    }
}

/// Whether the lease covers it.
fn covered(checked: Result<(), Short>) -> Result<bool, NotTaken> {
    match checked {
        Ok(()) => Ok(true),
        Err(Short::Lacking { .. }) => Ok(false),
        Err(Short::Reused { id }) => Err(Refusal::Reused { id }.into()),
        Err(Short::NotLive(gone)) => Err(Refusal::NotLive(gone).into()),
    }
}

fn unknown(id: &HoldId) -> NotTaken {
    Refusal::NotLive(NotLive::Unknown { id: id.clone() }).into()
}
