//! Who does the work of a request, and why (routing.md sections 1 to 7, 9 and 13).
//!
//! [`decide`] runs the stages of a decision, one file each: what is asked for (`asked`), what it would take (`need`), hard
//! filters (`filter`), scores (`score`), lanes that are good and unlike each other (`choose`), as many as fit (`fit`), and
//! who is held ready (`spares`). The result is a [`Plan`] or a [`Refusal`], with an [`Explanation`] that is kept compact and
//! written out on demand as a [`Trace`]. Beside the request's path: when to escalate ([`trigger`]), who may challenge a
//! champion ([`challenger`]), what is thought of a persona ([`reputation()`]).
//!
//! Bounds: 256 candidates a name, 16 personas, 8 clones of each, 4 lanes of a fan-out, 2 steps of escalation, 12 calls a
//! request, 16 adapters asked for estimates; a request over the first two of its own is refused, a plan over the others is cut and says so.

mod asked;
mod challenger;
mod choose;
mod consider;
mod decide;
mod economy;
mod escalate;
mod estimators;
mod explain;
mod filter;
mod fit;
mod input;
mod lane;
mod need;
mod reason;
mod refusal;
mod reputation;
mod score;
mod spares;
mod storm;
mod trace;

#[cfg(test)]
mod tests;

pub use challenger::{Expected, challenger};
pub use decide::{Decision, decide, whatif};
pub use economy::{Prospect, Stakes, chance};
pub use escalate::{Signals, trigger};
pub use explain::Explanation;
pub use input::{Condition, Conditions, Input, Unmeasured};
pub use lane::{CALLS_MAX, Lane, Plan, Spare};
pub use need::Need;
pub use reason::{Histogram, Reason};
pub use refusal::Refusal;
pub use reputation::{Reputation, Sample, reputation};
pub use score::Components;
pub use storm::StormGuard;
pub use trace::Trace;
