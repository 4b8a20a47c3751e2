//! Requests that wait for home.

use atp_protocol::ids::AccountId;
use atp_protocol::units::{Amount, Millis, UnixMillis};

use super::state::Stage;
use super::{Record, Spender};
use crate::budget::home::HomeRefusal;
use crate::budget::{HoldId, Refusal, Short, Slice};

/// Names a waiting request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What a request wants of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The account.
    pub account: AccountId,
    /// The hold.
    pub id: HoldId,
    /// How much, or how much more.
    pub amount: Amount,
    /// When the hold expires.
    pub expires_at: UnixMillis,
    /// Whether the hold is live and is to be topped up.
    pub tops_up: bool,
}

impl Want {
    /// What becomes of the hold when it is covered.
    pub(super) fn record(&self) -> Record {
        let Self {
            account,
            id,
            amount,
            expires_at,
            tops_up,
        } = self.clone();
        match tops_up {
            false => Record::Held {
                account,
                id,
                amount,
                expires_at,
            },
            true => Record::Extended {
                account,
                id,
                by: amount,
                expires_at,
            },
        }
    }

    pub(super) fn calls(&self) -> u32 {
        u32::from(!self.tops_up)
    }

    pub(super) fn check(&self, slice: &Slice) -> Result<(), Short> {
        match self.tops_up {
            false => slice.check(&self.id, self.amount),
            true => slice.check_top_up(&self.id, self.amount),
        }
    }
}

/// A request in the queue of its account.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) ticket: Ticket,
    pub(super) want: Want,
    pub(super) since: Millis,
}

impl Spender {
    /// Queues what [`Spender::propose`] said has to wait: behind those who wait, a top-up before them, because a call runs on
    /// it.
    ///
    /// # Errors
    /// [`HomeRefusal::Unavailable`] when too many wait or too many accounts are in use.
    pub fn wait(&mut self, now: Millis, unix: UnixMillis, want: Want) -> Result<Ticket, HomeRefusal> {
        if self.is_closing {
            return Err(HomeRefusal::Unavailable("this node is stopping".to_owned()));
        }
        if !self.accounts.contains_key(&want.account) && self.accounts.len() >= self.settings.accounts {
            let why = format!("{} accounts are in use", self.settings.accounts);
            return Err(HomeRefusal::Unavailable(why));
        }
        let place = self.accounts.entry(want.account.clone()).or_default();
        let waiting = &mut place.desk.waiting;
        if waiting.len() >= self.settings.waiting {
            let why = format!("{} requests wait for account {}", waiting.len(), want.account);
            return Err(HomeRefusal::Unavailable(why));
        }
        self.tickets.0 += 1;
        let ticket = self.tickets;
        place.desk.used_at = now;
        place.desk.demand.record(unix, want.amount);
        let (tops_up, account) = (want.tops_up, want.account.clone());
        let entry = Waiting {
            ticket,
            want,
            since: now,
        };
        match tops_up {
            true => waiting.push_front(entry),
            false => waiting.push_back(entry),
        }
        self.queued.insert(account);
        Ok(ticket)
    }

    /// The next waiting request that is covered, and what is to be appended and applied before it is told so.
    pub fn serve_next(&mut self, now: Millis) -> Option<(Ticket, Record)> {
        for account in &self.queued {
            let Some(place) = self.accounts.get_mut(account) else {
                continue;
            };
            let Some(lease) = &place.lease else { continue };
            if !place.desk.is_valid(now) || place.desk.ends {
                continue;
            }
            while let Some(first) = place.desk.waiting.pop_front() {
                match first.want.check(&lease.slice) {
                    Ok(()) => return Some((first.ticket, first.want.record())),
                    Err(Short::Lacking { .. }) => {
                        place.desk.waiting.push_front(first);
                        break;
                    }
                    Err(Short::Reused { id }) => {
                        self.away.push((first.ticket, refused(Refusal::Reused { id })))
                    }
                    Err(Short::NotLive(gone)) => self.away.push((first.ticket, refused(gone.into()))),
                }
            }
        }
        None
    }

    /// Whoever waited is gone.
    pub fn forget(&mut self, account: &AccountId, ticket: Ticket) {
        if let Some(place) = self.accounts.get_mut(account) {
            place.desk.waiting.retain(|waiting| waiting.ticket != ticket);
        }
    }

    /// Those whom nothing more is done for, and why.
    pub fn turn_away(&mut self, now: Millis) -> Vec<(Ticket, HomeRefusal)> {
        let mut away = std::mem::take(&mut self.away);
        let wait_ms = self.settings.wait_ms;
        self.queued.retain(|account| {
            let Some(place) = self.accounts.get_mut(account) else {
                return false;
            };
            place.desk.waiting.retain(|waiting| {
                let is_late = now.since(waiting.since) >= wait_ms;
                if is_late {
                    let why = format!("account {account} was asked for more {wait_ms} ms ago");
                    away.push((waiting.ticket, HomeRefusal::Unavailable(why)));
                }
                !is_late
            });
            if place.desk.waiting.is_empty() {
                place.desk.stage = Stage::Together;
            }
            !place.desk.waiting.is_empty()
        });
        away
    }
}

const fn refused(refusal: Refusal) -> HomeRefusal {
    HomeRefusal::Refused { refusal, root: None }
}
