//! What the ledger is asked.

use std::sync::Weak;

use actix::Message;
use atp_protocol::adapter::UsageSource;
use atp_protocol::error::Fault;
use atp_protocol::ids::AccountId;
use atp_protocol::units::Amount;
use atp_routing::budget::{Balance, HoldId, Limits};

/// Reserve on an account and all its ancestors. Answers whether tokens or money of any of them can run out.
#[derive(Message)]
#[rtype(result = "Result<bool, Fault>")]
pub(super) struct Hold {
    pub(super) id: HoldId,
    pub(super) account: AccountId,
    pub(super) amount: Amount,
    pub(super) holder: Weak<()>,
}

/// Top up a live hold.
#[derive(Message)]
#[rtype(result = "Result<(), Fault>")]
pub(super) struct Extend {
    pub(super) id: HoldId,
    pub(super) by: Amount,
}

/// End a hold and charge what was used.
#[derive(Message)]
#[rtype(result = "Result<(), Fault>")]
pub(super) struct Settle {
    pub(super) id: HoldId,
    pub(super) actual: Amount,
    /// The part of `actual` that is a guess.
    pub(super) unknown: Amount,
    pub(super) source: UsageSource,
}

/// End a hold under which no work was done.
#[derive(Message)]
#[rtype(result = "Result<(), Fault>")]
pub(super) struct Release {
    pub(super) id: HoldId,
}

/// Make an account, or replace the limits of one. An absent parent leaves an existing account where it is.
#[derive(Message)]
#[rtype(result = "Result<AccountView, Fault>")]
pub(super) struct PutAccount {
    pub(super) id: AccountId,
    pub(super) parent: Option<AccountId>,
    pub(super) limits: Limits,
}

/// Close an account that nothing depends on. Answers what it was.
#[derive(Message)]
#[rtype(result = "Result<AccountView, Fault>")]
pub(super) struct CloseAccount {
    pub(super) id: AccountId,
}

/// Look at one account, or at all.
#[derive(Message)]
#[rtype(result = "Vec<AccountView>")]
pub(super) struct View {
    pub(super) id: Option<AccountId>,
}

/// Write a snapshot and drop what it replaces; sent at a clean stop.
#[derive(Message)]
#[rtype(result = "Result<(), Fault>")]
pub(super) struct Checkpoint;

/// An account as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// Its name.
    pub id: AccountId,
    /// What it is part of.
    pub parent: Option<AccountId>,
    /// Its limits.
    pub limits: Limits,
    /// What was spent and is held.
    pub balance: Balance,
    /// Records applied when this was true.
    pub applied_index: u64,
}
