//! The state as records, for compaction: a journal may begin with a snapshot instead of its history.

use std::collections::BTreeMap;

use atp_protocol::ids::AccountId;

use super::{Balance, HoldId, Ledger, Record};

/// Ids in one [`Record::Ended`], so that no record grows with the ledger.
const IDS_PER_RECORD: usize = 1_024;

impl Ledger {
    /// Records that make an empty ledger of the same bounds equal to this one.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Record> {
        let mut records = Vec::with_capacity(2 * self.accounts.len() + self.holds.len());
        for (depth, ids) in self.by_depth() {
            debug_assert!(
                depth <= self.bounds.depth,
                "accounts are checked for depth when made"
            );
            for id in ids {
                self.snapshot_account(id, &mut records);
            }
        }
        records.extend(self.holds.iter().map(|(id, hold)| Record::Held {
            id: id.clone(),
            hold: hold.clone(),
        }));
        let ended: Vec<HoldId> = self.holds.ended().cloned().collect();
        records.extend(
            ended
                .chunks(IDS_PER_RECORD)
                .map(|ids| Record::Ended { ids: ids.to_vec() }),
        );
        records
    }

    /// Parents before children.
    fn by_depth(&self) -> BTreeMap<usize, Vec<&AccountId>> {
        let mut levels: BTreeMap<usize, Vec<&AccountId>> = BTreeMap::new();
        for id in self.accounts.keys() {
            levels.entry(self.chain(id).count()).or_default().push(id);
        }
        levels
    }

    fn snapshot_account(&self, id: &AccountId, records: &mut Vec<Record>) {
        let account = &self.accounts[id];
        records.push(Record::Account {
            id: id.clone(),
            parent: account.parent.clone(),
            limits: account.limits,
        });
        let Balance {
            settled,
            overrun,
            unknown,
            held: _,
            in_flight: _,
        } = account.balance;
        if (settled, overrun, unknown) != Default::default() {
            records.push(Record::Balance {
                account: id.clone(),
                settled,
                overrun,
                unknown,
            });
        }
    }
}
