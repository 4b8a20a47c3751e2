//! What the spender is asked, and told.

use std::sync::Weak;

use actix::Message;
use atp_protocol::adapter::UsageSource;
use atp_protocol::error::Fault;
use atp_protocol::ids::AccountId;
use atp_protocol::units::{Amount, Millis};
use atp_routing::budget::HoldId;
use atp_routing::budget::home::{Acknowledged, Grant, Granted, HomeRefusal, Share};
use atp_routing::budget::spender::Reach;
use tokio::sync::oneshot;

/// An answer that is there, or that home has to be asked for.
pub(in crate::ledger) enum Asked<T> {
    /// It is there.
    Now(T),
    /// It comes.
    Later(oneshot::Receiver<T>),
}

/// Reserve on an account. Answers whether tokens or money can run out.
#[derive(Message)]
#[rtype(result = "Asked<Result<bool, Fault>>")]
pub(in crate::ledger) struct Hold {
    pub(in crate::ledger) account: AccountId,
    pub(in crate::ledger) id: HoldId,
    pub(in crate::ledger) amount: Amount,
    pub(in crate::ledger) holder: Weak<()>,
}

/// Top up a live hold.
#[derive(Message)]
#[rtype(result = "Asked<Result<bool, Fault>>")]
pub(in crate::ledger) struct Extend {
    pub(in crate::ledger) account: AccountId,
    pub(in crate::ledger) id: HoldId,
    pub(in crate::ledger) by: Amount,
}

/// End a hold and charge what was used.
#[derive(Message)]
#[rtype(result = "Result<(), Fault>")]
pub(in crate::ledger) struct Settle {
    pub(in crate::ledger) account: AccountId,
    pub(in crate::ledger) id: HoldId,
    pub(in crate::ledger) actual: Amount,
    /// The part of `actual` that is a guess.
    pub(in crate::ledger) unknown: Amount,
    pub(in crate::ledger) source: UsageSource,
}

/// End a hold under which no work was done.
#[derive(Message)]
#[rtype(result = "Result<(), Fault>")]
pub(in crate::ledger) struct Release {
    pub(in crate::ledger) account: AccountId,
    pub(in crate::ledger) id: HoldId,
}

/// Have everything that was used arrive at home, and what is free as far as wished. Answers what is free then; nothing where it
/// cannot be.
#[derive(Message)]
#[rtype(result = "oneshot::Receiver<Vec<Share>>")]
pub(in crate::ledger) struct Flush {
    pub(in crate::ledger) reach: Reach,
}

/// Home was changed after everything was given back: leases may be asked for again.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::ledger) struct Resume;

/// Lease nothing any more, and give back what is free.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::ledger) struct Close;

/// Write a snapshot and drop what it replaces; sent at a clean stop.
#[derive(Message)]
#[rtype(result = "Result<(), Fault>")]
pub(in crate::ledger) struct Checkpoint;

/// What came of a grant.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct GrantAnswered {
    pub(super) asked_at: Millis,
    pub(super) grant: Grant,
    pub(super) answer: Result<Granted, HomeRefusal>,
}

/// What came of statements; `None` for one that did not come through.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct StatementsAnswered {
    pub(super) asked_at: Millis,
    pub(super) answers: Vec<(HoldId, Option<Acknowledged>)>,
}
