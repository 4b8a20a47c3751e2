//! The seam to the home of accounts.

use atp_protocol::error::Fault;
use atp_protocol::ids::AccountId;
use atp_routing::budget::home::{Acknowledged, Grant, Granted, HomeRefusal, Share, Statement};
use atp_routing::budget::{Balance, HoldId, Limits};
use futures_util::future::BoxFuture;

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

/// Where the tree of an account is: leases come from there, and usage is reported to it (docs/adr/0012).
///
/// Whatever is asked may be asked again; see [`atp_routing::budget::home`] for what a repeat does.
pub trait Home: Send + Sync {
    /// Leases a part of an account, or more of it.
    fn grant(&self, grant: Grant) -> BoxFuture<'static, Result<Granted, HomeRefusal>>;

    /// Takes statements about leases. Answers those that came through; the others are repeated.
    fn state(&self, statements: Vec<Statement>) -> BoxFuture<'static, Vec<(HoldId, Acknowledged)>>;

    /// One account, or all by name. `shares` are what the asking node has free of its leases: not held by anybody. Of other
    /// nodes home asks theirs.
    fn view(
        &self,
        account: Option<AccountId>,
        shares: Vec<Share>,
    ) -> BoxFuture<'static, Result<Vec<AccountView>, Fault>>;

    /// Makes an account or replaces its limits. The asking node has given back what it had free; home asks others to do so.
    /// An absent parent leaves an existing account where it is.
    fn put(
        &self,
        id: AccountId,
        parent: Option<AccountId>,
        limits: Limits,
    ) -> BoxFuture<'static, Result<AccountView, Fault>>;

    /// Closes an account that nothing depends on. Answers what it was.
    fn close(&self, id: AccountId) -> BoxFuture<'static, Result<AccountView, Fault>>;

    /// Whether it can be asked at all: `false` when this node has to be restarted for it.
    fn is_alive(&self) -> bool;
}
