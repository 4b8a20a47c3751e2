//! The state as records, for compaction: a journal may begin with a snapshot instead of its history.

use super::{Record, Spender};

impl Spender {
    /// Records that make a fresh spender know what this one does of its leases.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Record> {
        let mut records = Vec::with_capacity(self.accounts.len() + self.holds);
        for (account, place) in &self.accounts {
            let Some(lease) = &place.lease else { continue };
            records.push(Record::Leased {
                account: account.clone(),
                lease: lease.id.clone(),
                known: lease.known,
                pending: lease.slice.pending(),
                sent: lease.sent,
                ended: lease.slice.ended().cloned().collect(),
            });
            records.extend(lease.slice.holds().map(|(id, hold)| Record::Held {
                account: account.clone(),
                id: id.clone(),
                amount: hold.amount,
                expires_at: hold.expires_at,
            }));
        }
        records
    }
}
