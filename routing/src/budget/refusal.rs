//! Why the ledger declines, and what the caller is told.

use atp_protocol::error::{Code, Fault};
use atp_protocol::ids::AccountId;
use atp_protocol::units::UnixMillis;
use serde::{Deserialize, Serialize};

use super::{Component, HoldId};

/// Why nothing was reserved. Goes between members: variants and fields are appended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// An account on the way to the root has too little left, because others hold some of it.
    #[error("account {account} has {remaining} {component} left, {wanted} wanted; {}", advice(*.component))]
    NoRoom {
        /// The account that is short; not always the one asked for.
        account: AccountId,
        /// What it is short of: the first in the order parallel, tokens, usd.
        component: Component,
        /// How much was asked for.
        wanted: u64,
        /// How much there is.
        remaining: u64,
    },
    /// An account on the way to the root would have too little left even if every live hold were released: waiting cannot
    /// help.
    #[error(
        "account {account} has {} {limit} and {remaining} of it unspent, {wanted} wanted: {} too few; raise it or ask for less",
        .component.limit(),
        .wanted.saturating_sub(*.remaining)
    )]
    NeverFits {
        /// The account that is short; not always the one asked for.
        account: AccountId,
        /// What it is short of: the first in the order parallel, tokens, usd.
        component: Component,
        /// How much was asked for.
        wanted: u64,
        /// How much there would be.
        remaining: u64,
        /// The account's limit.
        limit: u64,
    },
    /// There is no such account.
    #[error("no account {account}; create it or use another key")]
    UnknownAccount {
        /// The account asked for.
        account: AccountId,
    },
    /// The id was used before.
    #[error("hold {id} exists or ended a short while ago; use a fresh id")]
    Reused {
        /// The id.
        id: HoldId,
    },
    /// The hold would be expired when made.
    #[error("the hold would have expired at {}, {} ms ago; give the request more time", .expires_at.0, .late_ms)]
    Expired {
        /// Its expiry.
        expires_at: UnixMillis,
        /// How long ago that is.
        late_ms: u64,
    },
    /// As many live holds as the ledger keeps.
    #[error("{max} holds are live, as many as there may be; retry when some have ended")]
    TooManyHolds {
        /// The bound.
        max: usize,
    },
    /// The hold to be topped up is not live.
    #[error(transparent)]
    NotLive(#[from] NotLive),
}

const fn advice(component: Component) -> &'static str {
    match component {
        Component::Parallel => "retry when a call has ended",
        Component::Tokens | Component::Usd => "wait for running calls to settle, or raise the limit",
    }
}

impl Refusal {
    /// Whether waiting can change the answer.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::NoRoom { .. } | Self::TooManyHolds { .. } => true,
            Self::NeverFits { .. }
            | Self::UnknownAccount { .. }
            | Self::Reused { .. }
            | Self::Expired { .. }
            | Self::NotLive(_) => false,
        }
    }

    /// What an account is short of.
    #[must_use]
    pub const fn component(&self) -> Option<Component> {
        match self {
            Self::NoRoom { component, .. } | Self::NeverFits { component, .. } => Some(*component),
            Self::TooManyHolds { .. }
            | Self::UnknownAccount { .. }
            | Self::Reused { .. }
            | Self::Expired { .. }
            | Self::NotLive(_) => None,
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::NoRoom {
                component: Component::Parallel,
                ..
            }
            | Refusal::TooManyHolds { .. } => Self::new(Code::Window, detail),
            Refusal::NeverFits {
                component: Component::Parallel,
                ..
            } => Self::new(Code::Window, detail).terminal(),
            Refusal::NoRoom { .. } | Refusal::NeverFits { .. } => Self::new(Code::Budget, detail).terminal(),
            Refusal::UnknownAccount { .. } => Self::new(Code::Config, detail),
            Refusal::Reused { .. } | Refusal::NotLive(_) => Self::new(Code::Internal, detail),
            Refusal::Expired { .. } => Self::new(Code::Timeout, detail),
        }
    }
}

/// Why a hold cannot be changed or ended: nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum NotLive {
    /// It ended before; a repeat.
    #[error("hold {id} has ended already; nothing to do")]
    Ended {
        /// The hold.
        id: HoldId,
    },
    /// Never seen, or ended too long ago to be remembered.
    #[error("no hold {id}; nothing to do")]
    Unknown {
        /// The hold.
        id: HoldId,
    },
}

/// Why a report on a lease was not taken: nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// Taken before, or one before it is missing. Send reports once and in order.
    #[error("report {number} of a lease that expects report {expected}")]
    OutOfOrder {
        /// Its number.
        number: u64,
        /// The number that would be taken.
        expected: u64,
    },
    /// The lease ended: what it had left was charged or given back.
    #[error(transparent)]
    NotLive(#[from] NotLive),
}

/// Why an account was not made, changed or closed. Goes between members: variants and fields are appended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum AccountError {
    /// The parent does not exist.
    #[error("no account {parent} to be the parent; create it first")]
    UnknownParent {
        /// The parent named.
        parent: AccountId,
    },
    /// The account would be its own ancestor.
    #[error("account {id} is an ancestor of {parent}, which cannot be its parent; name another")]
    Cycle {
        /// The account.
        id: AccountId,
        /// The parent named.
        parent: AccountId,
    },
    /// An account keeps its parent, because its spending is counted there.
    #[error("account {id} keeps its parent ({}); create another account instead", .parent.as_ref().map_or("none", |id| id.as_str()))]
    ParentFixed {
        /// The account.
        id: AccountId,
        /// The parent it has.
        parent: Option<AccountId>,
    },
    /// The limit is below what is spent and reserved.
    #[error(
        "account {id} has {in_use} {component} settled and held, the limit cannot be {limit}; {in_use} is the least"
    )]
    LimitBelowUse {
        /// The account.
        id: AccountId,
        /// Which limit: tokens or usd.
        component: Component,
        /// The limit asked for.
        limit: u64,
        /// The least that is acceptable.
        in_use: u64,
    },
    /// Too far from the root.
    #[error("account {id} would be {max} levels below its root; an account tree has at most {max} levels")]
    TooDeep {
        /// The account.
        id: AccountId,
        /// The bound.
        max: usize,
    },
    /// As many accounts as the ledger keeps.
    #[error("there are {max} accounts, as many as there may be; close one or raise the bound")]
    TooMany {
        /// The bound.
        max: usize,
    },
    /// There is no such account.
    #[error("no account {id}")]
    Unknown {
        /// The account.
        id: AccountId,
    },
    /// Holds or accounts below it are in the way of closing it.
    #[error("account {id} has {in_flight} calls in flight and {children} accounts below it; end them first")]
    InUse {
        /// The account.
        id: AccountId,
        /// Calls in flight.
        in_flight: u32,
        /// Accounts directly below it.
        children: u32,
    },
}
