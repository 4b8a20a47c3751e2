//! Drives what a node spends of its leases, and their journal.
//!
//! Receives  `Hold`, `Extend`, `Settle`, `Release` from sessions; `Flush` from whoever looks at accounts; answers of home; its
//!           own tick
//! Sends     grants and statements home, one grant at a time for each account and one batch of statements
//! Durable   a record is in the journal (written to the operating system) before its effect is acknowledged or sent home
//! Expires   holds whose holder is gone and did not say what was used; one whose holder is at work lives on
//! When full the mailbox makes senders wait; holds, accounts in use and waiting requests beyond their bounds are refused
//! Ends      when the journal fails: a node that cannot write what it promises must not go on promising

mod actor;
mod drive;
mod messages;
mod requests;

pub use actor::{Spender, SpenderTimes};
pub(super) use messages::{Asked, Checkpoint, Close, Extend, Flush, Hold, Release, Resume, Settle};
