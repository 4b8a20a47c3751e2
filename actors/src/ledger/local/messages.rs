//! What the ledger is asked.

use actix::Message;
use atp_protocol::error::Fault;
use atp_protocol::ids::AccountId;
use atp_routing::budget::home::{Acknowledged, Granted, HomeRefusal, Share, Statement};
use atp_routing::budget::{HoldId, Limits, home};

use crate::ledger::AccountView;

/// Lease a part of an account.
#[derive(Message)]
#[rtype(result = "Result<Granted, HomeRefusal>")]
pub(super) struct Grant(pub(super) home::Grant);

/// Take statements about leases.
#[derive(Message)]
#[rtype(result = "Vec<(HoldId, Acknowledged)>")]
pub(super) struct State(pub(super) Vec<Statement>);

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
    pub(super) shares: Vec<Share>,
}
