//! Has everything that was used arrive at home.

use std::collections::BTreeMap;

use atp_protocol::units::Millis;

use super::state::Place;
use super::{Spender, Ticket};
use crate::budget::HoldId;

/// How long nothing is asked for after everything was given back, in milliseconds.
pub const QUIET_MS: u64 = 250;

/// How far a flush goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// What was used is reported.
    Used,
    /// What is free goes back too, for whoever needs it more. Nobody waits for what this node has asked for: home may be looking for
    /// room for that very grant, and two nodes that do so would wait for each other.
    Free,
    /// Nothing free is left: what was asked for before goes back as well when it comes.
    All,
}

/// What has to arrive.
#[derive(Debug)]
pub(super) struct Flush {
    ticket: Ticket,
    reach: Reach,
    /// The number of the report that says it, for each lease.
    until: BTreeMap<HoldId, u64>,
}

impl Spender {
    /// Has everything that was used reported at once, and what is free given back as far as `reach` says; nothing is asked for
    /// then for [`QUIET_MS`], so that home can be changed by how things are there. Done when [`Self::flushed`] says so.
    pub fn flush(&mut self, now: Millis, reach: Reach) -> Ticket {
        let gives_back = reach != Reach::Used;
        if gives_back {
            self.quiet_until = now.plus(QUIET_MS);
        }
        self.tickets.0 += 1;
        let mut until = BTreeMap::new();
        for place in self.accounts.values_mut() {
            let Some(lease) = &place.lease else { continue };
            let has_more = lease.slice.has_spent() || gives_back && lease.has_anything();
            if has_more {
                place.desk.report_at = Some(Millis(0));
                place.desk.gives_back |= gives_back;
            }
            if has_more || lease.sent.is_some() {
                until.insert(lease.id.clone(), lease.slice.reports() + u64::from(has_more));
            }
        }
        self.flushes.push(Flush {
            ticket: self.tickets,
            reach,
            until,
        });
        self.tickets
    }

    /// Everything goes back, at once and as calls end, and nothing is leased any more.
    pub const fn close(&mut self) {
        self.is_closing = true;
    }

    /// Flushes that are done.
    pub fn flushed(&mut self) -> Vec<Ticket> {
        let leases: BTreeMap<&HoldId, (u64, bool)> = self
            .accounts
            .values()
            .filter_map(|place| {
                let lease = place.lease.as_ref()?;
                let is_quiet =
                    lease.sent.is_none() && place.desk.report_at.is_none() && !place.desk.gives_back;
                Some((&lease.id, (lease.known.reports, is_quiet)))
            })
            .collect();
        // What was asked for before is given back as well when it comes.
        let is_asking = |place: &Place| place.desk.ask.as_ref().is_some_and(|ask| ask.again_at.is_none());
        let is_asking = self.accounts.values().any(is_asking);
        let mut done = Vec::new();
        self.flushes.retain(|flush| {
            let arrived = |(lease, number): (&HoldId, &u64)| {
                leases
                    .get(lease)
                    .is_none_or(|&(taken, is_quiet)| taken >= *number || is_quiet)
            };
            let is_done = flush.until.iter().all(arrived) && !(flush.reach == Reach::All && is_asking);
            if is_done {
                done.push(flush.ticket);
            }
            !is_done
        });
        done
    }

    /// Home was looked at or changed: leases may be asked for again.
    pub const fn resume(&mut self) {
        self.quiet_until = Millis(0);
    }

    /// What came while everything was to be given back goes back too.
    pub(super) fn give_back_too(&mut self, lease: &HoldId) {
        let Some(account) = self.by_lease.get(lease) else {
            return;
        };
        let Some(place) = self.accounts.get_mut(account) else {
            return;
        };
        for flush in self.flushes.iter_mut().filter(|flush| flush.reach == Reach::All) {
            let Some(held) = &place.lease else { return };
            place.desk.gives_back = true;
            let number = held.slice.reports() + 1;
            flush.until.insert(lease.clone(), number);
        }
    }

    /// Nobody waits for a flush any more.
    pub fn forget_flush(&mut self, ticket: Ticket) {
        self.flushes.retain(|flush| flush.ticket != ticket);
    }
}
