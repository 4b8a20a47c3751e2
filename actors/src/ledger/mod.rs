//! Drives the ledger of accounts and its journal.
//!
//! Receives  `Hold`, `Extend`, `Settle`, `Release` from sessions; `PutAccount`, `View` from the admin surface; its own tick
//! Sends     nothing; it answers
//! Durable   a record is in the journal (written to the operating system) before its effect is acknowledged
//! Expires   holds whose holder is gone and did not say what was used; one whose holder is at work lives on
//! When full the mailbox makes senders wait; accounts and holds beyond their bounds are refused
//! Ends      when the journal fails: a node that cannot write what it promises must not go on promising

mod actor;
mod handle;
mod holders;
mod messages;
mod tenants;
#[cfg(test)]
pub(crate) mod testing;

pub use actor::{Ledger, LedgerLog, LogFailed};
pub use handle::{HeldBudget, LedgerHandle};
pub use messages::AccountView;
