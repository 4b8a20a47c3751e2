//! What a spender knows: the leases it has, and what it waits for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use atp_protocol::ids::AccountId;
use atp_protocol::units::{Amount, Millis, UnixMillis};

use super::flush::Flush;
use super::waiting::{Ticket, Waiting};
use crate::budget::home::{Grant, HomeRefusal, LeaseState, Share};
use crate::budget::{Demand, Hold, HoldId, Report, Slice};

/// When a spender acts, and how much it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Usage is reported at the latest so long after it was settled, in milliseconds.
    pub settle_interval_ms: u64,
    /// Or after so many settlements of an account.
    pub settle_count: u32,
    /// What is free of a lease that was not used for so long goes back, in milliseconds.
    pub idle_ms: u64,
    /// Home is asked again so long after it could not be reached, in milliseconds.
    pub retry_ms: u64,
    /// More is not asked for in advance for so long after home had none, in milliseconds.
    pub pause_ms: u64,
    /// A request waits for home at most so long, in milliseconds.
    pub wait_ms: u64,
    /// Accounts in use; one more is refused.
    pub accounts: usize,
    /// Live holds; one more is refused.
    pub holds: usize,
    /// Requests that wait for one account; one more is told to try again.
    pub waiting: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            settle_interval_ms: 100,
            settle_count: 512,
            idle_ms: 7_500,
            retry_ms: 100,
            pause_ms: 1_000,
            wait_ms: 5_000,
            accounts: 65_536,
            holds: 100_000,
            waiting: 1_024,
        }
    }
}

/// The leases of a node. See the module for how it is driven.
#[derive(Debug)]
pub struct Spender {
    pub(super) settings: Settings,
    /// Names the leases that this process opens, with a number.
    pub(super) prefix: String,
    pub(super) opened: u64,
    pub(super) accounts: BTreeMap<AccountId, Place>,
    pub(super) by_lease: BTreeMap<HoldId, AccountId>,
    /// Accounts that requests wait for.
    pub(super) queued: BTreeSet<AccountId>,
    /// Live holds of all leases.
    pub(super) holds: usize,
    pub(super) tickets: Ticket,
    /// Waiting requests that are to be told why they get nothing.
    pub(super) away: Vec<(Ticket, HomeRefusal)>,
    pub(super) flushes: Vec<Flush>,
    /// Nothing is asked for before: whoever had everything given back is going to look at home, or to change it.
    pub(super) quiet_until: Millis,
    /// Everything goes back and nothing is leased any more.
    pub(super) is_closing: bool,
}

/// One account.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) lease: Option<Lease>,
    pub(super) desk: Desk,
}

/// What lasts of a lease.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) id: HoldId,
    pub(super) slice: Slice,
    /// The latest that home said.
    pub(super) known: LeaseState,
    /// The last report, if home has not taken it.
    pub(super) sent: Option<Report>,
}

impl Lease {
    pub(super) fn new(account: &AccountId, id: HoldId) -> Self {
        let nothing = Hold {
            calls: 0,
            ..Hold::request(account.clone(), Amount::ZERO, UnixMillis(u64::MAX))
        };
        Self {
            id,
            slice: Slice::new(nothing),
            known: LeaseState::default(),
            sent: None,
        }
    }

    /// Brings the slice in line with what home has and with what it is going to take.
    pub(super) fn resize(&mut self) {
        let (mut amount, mut calls) = (self.known.amount, self.known.calls);
        if let Some(report) = &self.sent {
            amount = amount.minus(report.spent).minus(report.returned);
            calls = calls.saturating_sub(report.calls);
        }
        self.slice.resize(amount, calls);
    }

    /// Whether there is something to give back or to say.
    pub(super) fn has_anything(&self) -> bool {
        self.slice.free() != Amount::ZERO || self.slice.free_calls() > 0 || self.slice.has_spent()
    }
}

/// What does not last.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// Until when the lease may be spent from; `None` until home has said so.
    pub(super) valid_until: Option<Millis>,
    pub(super) renew_at: Millis,
    pub(super) is_limited: bool,
    pub(super) root: Option<AccountId>,
    pub(super) demand: Demand,
    pub(super) used_at: Millis,
    /// The last number used in a [`Grant`].
    pub(super) asks: u64,
    pub(super) ask: Option<Ask>,
    pub(super) pause_until: Millis,
    /// Settlements since the last report, and when they are to be reported.
    pub(super) unsaid: u32,
    pub(super) report_at: Option<Millis>,
    pub(super) gives_back: bool,
    /// A statement is on its way.
    pub(super) is_stating: bool,
    pub(super) state_at: Millis,
    pub(super) ends: bool,
    pub(super) stage: Stage,
    pub(super) waiting: VecDeque<Waiting>,
}

/// How waiting requests are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// All together.
    #[default]
    Together,
    /// Home had no room: everything free of the tree goes back before it is asked again.
    Gathering,
    /// One after the other: the answer is final.
    Alone,
}

/// A grant that was asked for.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) grant: Grant,
    /// Whom a refusal is for: the one whose whole need it asks for, alone.
    pub(super) is_for: Option<Ticket>,
    /// When to send it again; `None` while an answer may come.
    pub(super) again_at: Option<Millis>,
}

impl Desk {
    pub(super) fn is_valid(&self, now: Millis) -> bool {
        self.valid_until.is_some_and(|until| now < until)
    }
}

impl Spender {
    /// Nothing leased yet. `prefix` names the leases of this process: never used before, at most 40 characters of a name.
    #[must_use]
    pub const fn new(settings: Settings, prefix: String) -> Self {
        Self {
            settings,
            prefix,
            opened: 0,
            accounts: BTreeMap::new(),
            by_lease: BTreeMap::new(),
            queued: BTreeSet::new(),
            holds: 0,
            tickets: Ticket(0),
            away: Vec::new(),
            flushes: Vec::new(),
            quiet_until: Millis(0),
            is_closing: false,
        }
    }

    /// What is free of each lease, for home to show accounts by.
    #[must_use]
    pub fn shares(&self) -> Vec<Share> {
        let leases = self.accounts.values().filter_map(|place| place.lease.as_ref());
        leases
            .map(|lease| Share {
                lease: lease.id.clone(),
                free: lease.slice.free(),
                calls: lease.slice.free_calls(),
            })
            .collect()
    }

    /// Whether tokens or money of an account or an ancestor are limited, as far as home has said.
    #[must_use]
    pub fn is_limited(&self, account: &AccountId) -> bool {
        self.accounts
            .get(account)
            .is_none_or(|place| place.desk.is_limited)
    }

    /// How many leases there are.
    #[must_use]
    pub fn leases(&self) -> usize {
        self.accounts
            .values()
            .filter(|place| place.lease.is_some())
            .count()
    }

    /// How many leases may not be spent from, because home has not renewed them.
    #[must_use]
    pub fn lapsed(&self, now: Millis) -> usize {
        let has_lapsed = |place: &&Place| place.lease.is_some() && !place.desk.is_valid(now);
        self.accounts.values().filter(has_lapsed).count()
    }

    /// What is leased of limited accounts and neither spent nor held.
    #[must_use]
    pub fn free(&self) -> Amount {
        let limited = self.accounts.values().filter(|place| place.desk.is_limited);
        let leases = limited.filter_map(|place| place.lease.as_ref());
        leases.fold(Amount::ZERO, |sum, lease| sum.plus(lease.slice.free()))
    }

    /// How many requests wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let queues = self
            .queued
            .iter()
            .filter_map(|account| self.accounts.get(account));
        queues.map(|place| place.desk.waiting.len()).sum()
    }

    /// One live hold.
    #[must_use]
    pub fn hold(&self, account: &AccountId, id: &HoldId) -> Option<&Hold> {
        self.slice(account)?.hold(id)
    }

    pub(super) fn slice(&self, account: &AccountId) -> Option<&Slice> {
        Some(&self.accounts.get(account)?.lease.as_ref()?.slice)
    }

    /// A place whose lease is this one.
    pub(super) fn place_of(&mut self, lease: &HoldId) -> Option<&mut Place> {
        self.accounts.get_mut(self.by_lease.get(lease)?)
    }
}
