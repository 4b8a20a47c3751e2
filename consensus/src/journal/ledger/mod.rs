//! Accounts at home, and the leases that members spend from (docs/adr/0012, atp.md 17.3).
//!
//! A lease is a hold of the [`Ledger`] that never expires there. A holder that was not heard of for as long as its lease was good
//! for makes it *lapse*, which says only that nobody spends from it: the rest stays reserved until the holder speaks again, or
//! is removed from the cluster. Then the rest is charged as unknown, and what the holder says later is set against that charge:
//! what it does not cover is charged in addition, so nothing spent is ever lost or counted twice.
//!
//! At the bounds: accounts, levels and leases over `routing::budget::Bounds` are refused. Of leases that were charged as unknown the
//! last [`RECLAIMED_MAX`] are remembered; what is said about an older one is answered as over, and not counted.

mod close_account;
mod grant_lease;
mod put_limits;
mod reclaim_node;
mod take_statement;

pub use close_account::{CloseAccount, CloseAccountReply};
pub use grant_lease::{GrantLease, GrantLeaseReply};
pub use put_limits::{PutLimits, PutLimitsReply};
pub use reclaim_node::{ReclaimNode, ReclaimNodeReply};
pub use take_statement::TakeStatement;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use atp_protocol::cluster::NodeId;
use atp_protocol::ids::AccountId;
use atp_protocol::units::{Amount, UnixMillis};
use atp_routing::budget::home::Granted;
use atp_routing::budget::{HoldId, Ledger};
use serde::{Deserialize, Serialize};

use super::Effect;

/// Leases charged as unknown that are remembered.
pub const RECLAIMED_MAX: usize = 65_536;

/// Leases that lapse with one tick; the others lapse with the next.
const LAPSES_PER_TICK: usize = 1_024;

/// Who holds a lease, beside what the ledger says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its holder.
    pub node: NodeId,
    /// The account it is of.
    pub account: AccountId,
    /// Number of the last grant taken.
    pub asks: u64,
    /// When it lapses, or lapsed.
    pub good_until: UnixMillis,
    /// Whether its holder was not heard of in time.
    pub has_lapsed: bool,
}

/// A lease whose rest was charged as unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reclaimed {
    account: AccountId,
    /// Number of the last report taken.
    reports: u64,
    /// What of the charge its holder has not explained.
    unexplained: Amount,
}

/// What a holder has of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding<'a> {
    /// The lease.
    pub id: &'a HoldId,
    /// Whose it is, and until when.
    pub lease: &'a Lease,
    /// What is leased.
    pub amount: Amount,
    /// Calls leased.
    pub calls: u32,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Home {
    pub(super) ledger: Ledger,
    pub(super) leases: BTreeMap<HoldId, Lease>,
    /// Leases that have not lapsed, by when they do.
    due: BTreeSet<(UnixMillis, HoldId)>,
    pub(super) reclaimed: BTreeMap<HoldId, Reclaimed>,
    /// The oldest first.
    pub(super) reclaimed_order: VecDeque<HoldId>,
    /// Members that are gone for good, and get no leases.
    pub(super) removed: BTreeSet<NodeId>,
}

impl Home {
    /// Accounts with what they spent and reserved.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// One lease.
    #[must_use]
    pub fn lease(&self, id: &HoldId) -> Option<&Lease> {
        self.leases.get(id)
    }

    /// All leases, by id.
    pub fn leases(&self) -> impl Iterator<Item = (&HoldId, &Lease)> {
        self.leases.iter()
    }

    /// Who has how much of an account and of those below it, by lease. Walks all leases.
    pub fn holders<'a>(&'a self, account: &'a AccountId) -> impl Iterator<Item = Holding<'a>> {
        self.leases.iter().filter_map(move |(id, lease)| {
            let hold = self.ledger.hold(id)?;
            self.ledger.is_within(&lease.account, account).then_some(Holding {
                id,
                lease,
                amount: hold.amount,
                calls: hold.calls,
            })
        })
    }

    /// When the next lease lapses.
    #[must_use]
    pub fn next_lapse(&self) -> Option<UnixMillis> {
        self.due.first().map(|(at, _)| *at)
    }

    /// A holder was heard of.
    fn renew(&mut self, id: &HoldId, now: UnixMillis, ttl_ms: u64) {
        let Some(lease) = self.leases.get_mut(id) else {
            return;
        };
        self.due.remove(&(lease.good_until, id.clone()));
        lease.good_until = lease.good_until.max(UnixMillis(now.0.saturating_add(ttl_ms)));
        lease.has_lapsed = false;
        self.due.insert((lease.good_until, id.clone()));
    }

    pub(super) fn insert(&mut self, id: HoldId, lease: Lease) {
        if !lease.has_lapsed {
            self.due.insert((lease.good_until, id.clone()));
        }
        self.leases.insert(id, lease);
    }

    fn forget(&mut self, id: &HoldId) {
        if let Some(lease) = self.leases.remove(id) {
            self.due.remove(&(lease.good_until, id.clone()));
        }
    }

    /// Members that are gone, and what they had, are nobody's concern any more.
    pub(super) fn forget_members(&mut self) {
        self.removed.clear();
        self.reclaimed.clear();
        self.reclaimed_order.clear();
    }

    pub(super) fn remember_reclaimed(&mut self, id: HoldId, reclaimed: Reclaimed) {
        self.reclaimed_order.push_back(id.clone());
        self.reclaimed.insert(id, reclaimed);
        if self.reclaimed_order.len() > RECLAIMED_MAX
            && let Some(oldest) = self.reclaimed_order.pop_front()
        {
            self.reclaimed.remove(&oldest);
        }
    }

    /// What the holder of a live lease is told.
    fn granted(&self, id: &HoldId, ttl_ms: u64) -> Granted {
        let asks = self.leases.get(id).map_or(0, |lease| lease.asks);
        self.ledger
            .granted(id, asks, ttl_ms)
            .expect("a lease is a live hold of an account")
    }

    /// Leases whose holders were not heard of in time lapse. Returns whether there are more of them.
    pub(super) fn lapse(&mut self, now: UnixMillis, effects: &mut Vec<Effect>) -> bool {
        for _ in 0..LAPSES_PER_TICK {
            match self.due.first() {
                Some((at, _)) if *at <= now => {}
                Some(_) | None => return false,
            }
            let (_, id) = self.due.pop_first().expect("it was looked at");
            let lease = self.leases.get_mut(&id).expect("what is due is a lease");
            lease.has_lapsed = true;
            effects.push(Effect::LeaseLapsed {
                lease: id,
                node: lease.node,
                account: lease.account.clone(),
            });
        }
        self.next_lapse().is_some_and(|at| at <= now)
    }
}
