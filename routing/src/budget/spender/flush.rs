//! Has everything that was used arrive at home.

use std::collections::BTreeMap;

use super::{Spender, Ticket};
use crate::budget::HoldId;

/// What has to arrive.
#[derive(Debug)]
pub(super) struct Flush {
    ticket: Ticket,
    /// The number of the report that says it, for each lease.
    until: BTreeMap<HoldId, u64>,
}

impl Spender {
    /// Has everything that was used reported at once, and given back what is free where `gives_back`. Done when
    /// [`Self::flushed`] says so.
    pub fn flush(&mut self, gives_back: bool) -> Ticket {
        self.tickets.0 += 1;
        let mut until = BTreeMap::new();
        for place in self.accounts.values_mut() {
            let Some(lease) = &place.lease else { continue };
            let has_more = lease.slice.has_spent() || gives_back && lease.has_anything();
            if has_more {
                place.desk.report_at = Some(atp_protocol::units::Millis(0));
                place.desk.gives_back |= gives_back;
            }
            if has_more || lease.sent.is_some() {
                until.insert(lease.id.clone(), lease.slice.reports() + u64::from(has_more));
            }
        }
        self.flushes.push(Flush {
            ticket: self.tickets,
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
        let mut done = Vec::new();
        self.flushes.retain(|flush| {
            let arrived = |(lease, number): (&HoldId, &u64)| {
                leases
                    .get(lease)
                    .is_none_or(|&(taken, is_quiet)| taken >= *number || is_quiet)
            };
            let is_done = flush.until.iter().all(arrived);
            if is_done {
                done.push(flush.ticket);
            }
            !is_done
        });
        done
    }

    /// Nobody waits for a flush any more.
    pub fn forget_flush(&mut self, ticket: Ticket) {
        self.flushes.retain(|flush| flush.ticket != ticket);
    }
}
