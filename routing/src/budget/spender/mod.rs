//! What a node spends: a lease of each account it uses, and when to ask home for more, report, give back or stop
//! (docs/adr/0012, atp.md 17.3 "Cluster").
//!
//! As in the ledger, what lasts is changed by [`Record`]s alone: `propose_*` and `*_due` say which, the caller appends them to
//! the node's journal, and [`Spender::apply`] makes them; a recovered journal goes through the same `apply`. What does not
//! last (waiting requests, what was asked, how long a lease is good for) is lost with the process, and a recovered lease is
//! spent from only after home has renewed it.
//!
//! One turn of the caller, at every tick and whenever something was heard or fell short:
//!
//! 1. [`Spender::records_due`]: leases to be opened, reports to be made. Append, apply.
//! 2. [`Spender::serve_next`]: a waiting request that is covered. Append, apply, answer; until there is none.
//! 3. [`Spender::turn_away`]: waiting requests that home refused or that waited too long. Answer.
//! 4. [`Spender::asks_due`] and [`Spender::statements_due`]: what goes home. What comes of it goes to [`Spender::on_grant`]
//!    and [`Spender::on_statement`].
//!
//! Time is monotonic for everything but the expiry of holds, so that no step of a wall clock lets a node spend longer than it
//! may: a lease is good from before it was asked for, less a tenth for clocks that run at different speeds.
//!
//! At the bounds ([`Settings`]): accounts in use, live holds and waiting requests beyond them are refused; a request that home
//! does not answer in time is told to try again.

mod answer;
mod apply;
mod due;
mod flush;
mod propose;
mod record;
mod snapshot;
mod state;
mod waiting;

#[cfg(test)]
mod tests;

pub use flush::{QUIET_MS, Reach};
pub use propose::NotTaken;
pub use record::{Record, RecordError};
pub use state::{Settings, Spender};
pub use waiting::{Ticket, Want};
