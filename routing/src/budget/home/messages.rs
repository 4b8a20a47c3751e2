//! What a holder and home say to each other.

use atp_protocol::ids::AccountId;
use atp_protocol::units::Amount;
use serde::{Deserialize, Serialize};

use crate::budget::{HoldId, Refusal, Report};

/// A holder asks for a lease, or for more of the one it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The lease; never used for another one. Made by the first grant that arrives, whichever that is.
    pub lease: HoldId,
    /// The account it is of.
    pub account: AccountId,
    /// Numbered from 1 for each lease; a repeat has the number of the first attempt.
    pub number: u64,
    /// The least that does: what requests that wait for it lack.
    pub lacking: Amount,
    /// Calls that requests lack.
    pub calls: u32,
    /// What the holder expects to use.
    pub demand: Amount,
}

/// A holder says what it used, gives back, or only that it lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The lease.
    pub lease: HoldId,
    /// What was not taken yet; `None` renews only.
    pub report: Option<Report>,
    /// The holder is done with the lease: it ends if nothing is left of it.
    pub ends: bool,
}

/// A lease as home has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LeaseState {
    /// Number of the last [`Grant`] taken.
    pub asks: u64,
    /// Number of the last report taken.
    pub reports: u64,
    /// What is leased, beside what was reported as spent or given back.
    pub amount: Amount,
    /// Calls leased.
    pub calls: u32,
}

/// What a holder may do with its lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// The lease, what was just granted included.
    pub state: LeaseState,
    /// For how long it may be spent from, counted from before it was asked for, in milliseconds.
    pub ttl_ms: u64,
    /// The root of the account's tree.
    pub root: AccountId,
    /// Whether tokens or money of the account or an ancestor are limited.
    pub is_limited: bool,
}

/// What home has of a lease after a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Acknowledged {
    /// It goes on.
    Live(Granted),
    /// It is over: ended as its holder wished, or settled without it.
    Ended,
}

/// Why home did not do what it was asked, by what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum HomeRefusal {
    /// The ledger declines: tell whoever asked.
    #[error("{refusal}")]
    Refused {
        /// Why.
        refusal: Refusal,
        /// The root of the account's tree, where there is such an account.
        root: Option<AccountId>,
    },
    /// The lease is over: begin another one.
    #[error("the lease is over")]
    Ended,
    /// Nothing was done: ask again a little later.
    #[error("the home of the account cannot be reached: {0}; try again")]
    Unavailable(String),
    /// It may have been done or not: say the same again.
    #[error("the home of the account did not answer: {0}; it may have been done")]
    Unknown(String),
}

/// What a holder has free of a lease: reserved at home, and held by nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The lease.
    pub lease: HoldId,
    /// Unspent and not held.
    pub free: Amount,
    /// Calls that are not running.
    pub calls: u32,
}
