//! Live holds, by id and by expiry.

use std::collections::{BTreeMap, BTreeSet};

use atp_protocol::ids::{AccountId, RequestId};
use atp_protocol::units::{Amount, UnixMillis};
use serde::{Deserialize, Serialize};

use super::NotLive;
use super::ended::Ended;

/// Names a hold: the request's id, or the id of a lease.
pub type HoldId = RequestId;

/// A reservation against an account and all its ancestors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The account it spends from.
    pub account: AccountId,
    /// What is reserved.
    pub amount: Amount,
    /// Calls it counts as: 1 for a request, the number of slots for a lease.
    pub calls: u32,
    /// From when on its outcome is taken for lost.
    pub expires_at: UnixMillis,
    /// Whether work may have been done under it: an expired hold is then charged whole, else given back.
    pub dispatched: bool,
    /// Number of the last [`Report`] taken; 0 before the first.
    pub reports: u64,
}

/// What the holder of a lease has spent and gives back, since its last report.
///
/// Numbered from 1 without gaps: one that was taken already, or comes before its predecessor, has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    /// Its number.
    pub number: u64,
    /// Spent out of the lease.
    pub spent: Amount,
    /// Used beyond what the lease had left: charged like usage beyond a hold.
    pub beyond: Amount,
    /// The part of `spent` that is a guess.
    pub unknown: Amount,
    /// Given back unspent.
    pub returned: Amount,
    /// Calls given back.
    pub calls: u32,
}

impl Hold {
    /// The hold of one request. It counts as dispatched while the request still queues: whoever runs it releases it when
    /// nothing was sent, and after a crash nobody knows (ADR-0005).
    #[must_use]
    pub const fn request(account: AccountId, amount: Amount, expires_at: UnixMillis) -> Self {
        Self {
            account,
            amount,
            calls: 1,
            expires_at,
            dispatched: true,
            reports: 0,
        }
    }
}

/// Live holds, and the ids of those that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holds {
    live: BTreeMap<HoldId, Hold>,
    by_expiry: BTreeSet<(UnixMillis, HoldId)>,
    ended: Ended,
}

impl Holds {
    pub(super) fn new(ended: Ended) -> Self {
        Self {
            live: BTreeMap::new(),
            by_expiry: BTreeSet::new(),
            ended,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    pub(super) fn get(&self, id: &HoldId) -> Option<&Hold> {
        self.live.get(id)
    }

    /// A hold that can be changed or ended.
    pub(super) fn live(&self, id: &HoldId) -> Result<&Hold, NotLive> {
        self.get(id).ok_or_else(|| match self.ended.contains(id) {
            true => NotLive::Ended { id: id.clone() },
            false => NotLive::Unknown { id: id.clone() },
        })
    }

    /// Whether the id is that of a hold, live or ended a short while ago.
    pub(super) fn knows(&self, id: &HoldId) -> bool {
        self.live.contains_key(id) || self.ended.contains(id)
    }

    /// In the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&HoldId, &Hold)> {
        self.live.iter()
    }

    pub(super) fn insert(&mut self, id: HoldId, hold: Hold) {
        self.by_expiry.insert((hold.expires_at, id.clone()));
        self.live.insert(id, hold);
    }

    /// Changes a live hold in place and keeps the expiry index in step.
    pub(super) fn update(&mut self, id: &HoldId, change: impl FnOnce(&mut Hold)) {
        let Some(hold) = self.live.get_mut(id) else { return };
        let before = hold.expires_at;
        change(hold);
        let after = hold.expires_at;
        if before != after {
            self.by_expiry.remove(&(before, id.clone()));
            self.by_expiry.insert((after, id.clone()));
        }
    }

    /// Remembers the id of a hold that ended before.
    pub(super) fn remember(&mut self, id: HoldId) {
        self.ended.remember(id);
    }

    /// Ids of holds that ended, the oldest first.
    pub(super) fn ended(&self) -> impl Iterator<Item = &HoldId> {
        self.ended.iter()
    }

    /// Removes a live hold and remembers its id.
    pub(super) fn end(&mut self, id: &HoldId) -> Option<Hold> {
        let hold = self.live.remove(id)?;
        self.by_expiry.remove(&(hold.expires_at, id.clone()));
        self.ended.remember(id.clone());
        Some(hold)
    }

    /// When the next hold expires.
    pub(super) fn next_expiry(&self) -> Option<UnixMillis> {
        self.by_expiry.first().map(|&(at, _)| at)
    }

    /// Holds expired at `now`, the oldest expiry first.
    pub(super) fn expired(&self, now: UnixMillis) -> impl Iterator<Item = (&HoldId, &Hold)> {
        self.by_expiry
            .iter()
            .take_while(move |(at, _)| *at <= now)
            .filter_map(|(_, id)| self.live.get_key_value(id))
    }
}
