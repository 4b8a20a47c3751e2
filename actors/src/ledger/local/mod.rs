//! A home of accounts within the process: the ledger whole, with a journal of its own.
//!
//! Receives  grants and statements of the node's spender; accounts to make, show and close; its own tick
//! Sends     nothing; it answers
//! Durable   a record is in the journal (written to the operating system) before its effect is acknowledged
//! Expires   holds that an earlier release took of the ledger itself; leases never
//! When full the mailbox makes senders wait; accounts and leases beyond their bounds are refused
//! Ends      when the journal fails: a node that cannot write what it promises must not go on promising

mod actor;
mod handle;
mod messages;

pub(super) use actor::Ledger;
pub(super) use handle::LocalHome;
