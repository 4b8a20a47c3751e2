//! Money on this node: holds out of leases, and the home that the leases come from (docs/adr/0012).
//!
//! [`Spender`] has a part of each account that the node uses and takes holds from it without asking anybody. [`Home`] is where
//! the tree of accounts is: in the groups of the cluster, or, as [`LocalHome`], in the process. Sessions and the admin surface
//! have the [`LedgerHandle`].

mod handle;
mod holders;
mod home;
mod kept;
mod local;
mod spender;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use handle::{HeldBudget, LedgerHandle};
pub use home::{AccountView, Home};
pub use kept::{LedgerLog, LogFailed};
pub use local::{Ledger, LocalHome};
pub use spender::{Spender, SpenderTimes};
