//! Parts of an account that a node spends from without asking (atp.md 17.3, "Cluster").
//!
//! At home, in the [`Ledger`](super::Ledger), a lease is a [`Hold`](super::Hold): reserved on the account and all its
//! ancestors, so that the sum of all leases and the rest never exceeds a limit. Its holder has a [`Slice`], which takes and
//! settles holds of its own against it. In between go
//!
//! - grants: the home proposes a hold, or an extension of [`grant`] size, and the holder is told with [`Slice::extend`];
//! - reports: the holder says in numbered [`Report`](super::Report)s what was spent and what it gives back; the home takes
//!   each once.
//!
//! When the account runs short the home asks holders to [`Slice::give_back`]. How a lease is gone about with clocks, lost
//! messages and crashes is in [`super::home`] and [`super::spender`].
//!
//! At the bounds: a slice that cannot cover a hold says how much it lacks; the number of its holds is bounded by its calls.

mod demand;
mod slice;

pub use demand::{Demand, grant};
pub use slice::{Short, Slice};
