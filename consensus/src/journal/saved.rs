//! The state of a journal group as rows of a snapshot.

use atp_protocol::cluster::NodeId;
use atp_protocol::ids::TenantId;
use atp_protocol::resume::{Binding, Bounds, Entry, IdempotencyKey, State};
use atp_routing::budget::HoldId;
use serde_bytes::{ByteBuf, Bytes};

use super::Journal;
use super::decisions::{self, Chain, Decisions};
use super::ledger::{Lease, Reclaimed};
use super::requests::Requests;
use super::streams::{Stream, Streams};
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
    /// `(Binding, Stream)`.
    pub(super) const STREAM: u8 = 16;
    /// `(TenantId, Chain)`.
    pub(super) const CHAIN: u8 = 32;
    /// `Decision`, the oldest first.
    pub(super) const DECISION: u8 = 33;
    /// `(NodeId, Writer)`.
    pub(super) const WRITER: u8 = 34;
    /// `Bounds` of idempotency keys.
    pub(super) const BOUNDS: u8 = 48;
    /// `(IdempotencyKey, Entry)`, the outcome as bytes.
    pub(super) const KEY: u8 = 49;
}

pub(super) fn save(journal: &Journal) -> Vec<Vec<u8>> {
    let mut out = Writer::new(FORMAT);
    save_home(journal, &mut out);
    journal.streams.iter().for_each(|row| out.put(kind::STREAM, &row));
    let decisions = &journal.decisions;
    decisions.chains.iter().for_each(|row| out.put(kind::CHAIN, &row));
    decisions
        .kept()
        .for_each(|decision| out.put(kind::DECISION, decision));
    decisions
        .writers
        .iter()
        .for_each(|row| out.put(kind::WRITER, &row));
    save_requests(&journal.requests, &mut out);
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

fn save_requests(requests: &Requests, out: &mut Writer) {
    out.put(kind::BOUNDS, &requests.bounds());
    for (key, Entry { hash, since, state }) in requests.iter() {
        let state = match state {
            State::Running(claim) => State::Running(claim.clone()),
            State::Lost(claim) => State::Lost(claim.clone()),
            State::Finished(outcome) => State::Finished(Bytes::new(outcome)),
        };
        let (hash, since) = (*hash, *since);
        out.put(kind::KEY, &(key, Entry { hash, since, state }));
    }
}

pub(super) fn load(pieces: &[Vec<u8>]) -> Result<Journal, LoadError> {
    let mut journal = Journal::default();
    pieces::read(FORMAT, pieces, |row| match row.kind {
        kind::RECORD..=kind::REMOVED => load_home(&mut journal, &row),
        kind::STREAM => load_stream(&mut journal.streams, &row),
        kind::CHAIN..=kind::WRITER => load_decisions(&mut journal.decisions, &row),
        kind::BOUNDS..=kind::KEY => load_requests(&mut journal.requests, &row),
        _ => Err(row.unknown()),
    })?;
    Ok(journal)
}

fn load_home(journal: &mut Journal, row: &Row<'_>) -> Result<(), LoadError> {
    let home = &mut journal.home;
    match row.kind {
        kind::RECORD => {
            if !home.ledger.apply(&row.record()?).had_effect {
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

fn load_stream(streams: &mut Streams, row: &Row<'_>) -> Result<(), LoadError> {
    let (id, stream): (Binding, Box<Stream>) = row.value()?;
    streams.insert(id, stream);
    Ok(())
}

fn load_decisions(decisions: &mut Decisions, row: &Row<'_>) -> Result<(), LoadError> {
    match row.kind {
        kind::CHAIN => {
            let (tenant, chain): (TenantId, Chain) = row.value()?;
            decisions.chains.insert(tenant, chain);
        }
        kind::DECISION => decisions.keep(row.value()?),
        _ => {
            let (node, writer): (NodeId, decisions::Writer) = row.value()?;
            decisions.writers.insert(node, writer);
        }
    }
    Ok(())
}

fn load_requests(requests: &mut Requests, row: &Row<'_>) -> Result<(), LoadError> {
    if row.kind == kind::BOUNDS {
        requests.bind(row.value::<Bounds>()?);
        return Ok(());
    }
    let (key, Entry { hash, since, state }): (IdempotencyKey, Entry<ByteBuf>) = row.value()?;
    let state = match state {
        State::Running(claim) => State::Running(claim),
        State::Lost(claim) => State::Lost(claim),
        State::Finished(outcome) => State::Finished(outcome.into_vec().into()),
    };
    requests.insert(key, Entry { hash, since, state });
    Ok(())
}
