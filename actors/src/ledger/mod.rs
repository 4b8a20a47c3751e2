//! Money on this node: holds out of leases, and the home that the leases come from (docs/adr/0012).
//!
//! [`Spender`] has a part of each account that the node uses and takes holds from it without asking anybody. [`Home`] is where
//! the tree of accounts is, in the groups of the cluster. Sessions and the admin surface
//! have the [`LedgerHandle`].

mod handle;
mod holders;
mod home;
mod kept;
#[cfg(test)]
mod local;
mod spender;
mod tenants;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use handle::{HeldBudget, LedgerHandle};
pub use home::{AccountView, Home};
pub use kept::{LedgerLog, LogFailed};
pub use spender::{Spender, SpenderTimes};
pub use tenants::{Root, Tenants};
