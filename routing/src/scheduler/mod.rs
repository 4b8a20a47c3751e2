//! Who goes next, and who gives way (atp.md 18.2 and 18.3), as one value for each arbiter.
//!
//! [`Scheduler`] has a number of slots. What comes in by [`Scheduler::enqueue`] is granted a slot at once, queued, or refused;
//! [`Scheduler::release`] gives a slot back and says who has it next; [`Scheduler::tick`], due at
//! [`Scheduler::next_deadline`], ends waits that took too long and asks for preemptions.
//!
//! - Across tiers: first a tier below its reserved slots, else deficit round robin by tier weight (`wheel`). A reserved
//!   slot that its tier does not need is lent, and comes back when a call ends or is preempted.
//! - Within a tier: start-time fair queueing over tenants, then over sessions of the tenant (`sfq`); within a session
//!   first in, first out. A session at its window is passed over and keeps its queue.
//! - The longest-waiting item past a threshold learned from recent waits goes first, in at most one of four grants
//!   (`starvation`).
//!
//! There is never a free slot while somebody who could use it waits. Each operation costs O(log n) in what waits and runs;
//! a preemption looks at all that runs.
//!
//! At the bounds: a tier whose queue is full refuses more, which also bounds the whole; a wait over the tier's timeout or
//! the request's deadline ends with [`Event::TimedOut`]; shares of idle flows are forgotten beyond [`Settings::idle_flows`].

mod item;
mod jain;
mod machine;
mod preempt;
mod settings;
mod sfq;
mod starvation;
mod tier;
mod wheel;
mod windows;

#[cfg(test)]
mod tests;

pub use item::{Admission, Event, Grant, Item, Refused};
pub use jain::jains_index;
pub use machine::Scheduler;
pub use preempt::{Active, pick_victims};
pub use settings::{Settings, TierSettings};
pub use starvation::{boosted_weight, starvation_threshold_ms};
