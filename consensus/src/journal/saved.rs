//! The state of a journal group as rows of a snapshot.

use atp_protocol::cluster::NodeId;
use atp_routing::budget::{HoldId, Record};

use super::Journal;
use super::ledger::{Lease, Reclaimed};
use crate::machine::LoadError;
use crate::pieces::{self, Row, Writer, malformed};

/// Version of the rows.
const FORMAT: u16 = 1;

/// What a row holds. Rows are written in this order.
mod kind {
    /// A `routing::budget::Record` of the ledger.
    pub(super) const RECORD: u8 = 1;
    /// `(HoldId, Lease)`.
    pub(super) const LEASE: u8 = 2;
    /// `(HoldId, Reclaimed)`, the oldest first.
    pub(super) const RECLAIMED: u8 = 3;
    /// `NodeId` of a member that is gone for good.
    pub(super) const REMOVED: u8 = 4;
}

pub(super) fn save(journal: &Journal) -> Vec<Vec<u8>> {
    let mut out = Writer::new(FORMAT);
    save_home(journal, &mut out);
    out.finish()
}

fn save_home(journal: &Journal, out: &mut Writer) {
    let home = &journal.home;
    for record in home.ledger.snapshot() {
        out.put_with(kind::RECORD, |body| record.encode_into(body));
    }
    home.leases.iter().for_each(|row| out.put(kind::LEASE, &row));
    for id in &home.reclaimed_order {
        out.put(kind::RECLAIMED, &(id, &home.reclaimed[id]));
    }
    home.removed.iter().for_each(|node| out.put(kind::REMOVED, node));
}

pub(super) fn load(pieces: &[Vec<u8>]) -> Result<Journal, LoadError> {
    let mut journal = Journal::default();
    pieces::read(FORMAT, pieces, |row| match row.kind {
        kind::RECORD..=kind::REMOVED => load_home(&mut journal, &row),
        kind => Err(malformed(format!(
            "a row of kind {kind}, which format {FORMAT} has not"
        ))),
    })?;
    Ok(journal)
}

fn load_home(journal: &mut Journal, row: &Row<'_>) -> Result<(), LoadError> {
    let home = &mut journal.home;
    match row.kind {
        kind::RECORD => {
            let record = Record::decode(row.body).map_err(|error| malformed(error.to_string()))?;
            if !home.ledger.apply(&record).had_effect {
                return Err(malformed(
                    "a record of the ledger that does not fit those before it",
                ));
            }
        }
        kind::LEASE => {
            let (id, lease): (HoldId, Lease) = row.value()?;
            if home.ledger.hold(&id).is_none() {
                return Err(malformed("a lease that is no hold of the ledger"));
            }
            home.insert(id, lease);
        }
        kind::RECLAIMED => {
            let (id, reclaimed): (HoldId, Reclaimed) = row.value()?;
            home.remember_reclaimed(id, reclaimed);
        }
        _ => {
            home.removed.insert(row.value::<NodeId>()?);
        }
    }
    Ok(())
}
