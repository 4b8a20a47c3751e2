//! The lanes of one request, run in parallel and answered as one (atp.md section 19, 21.3 to 21.5, 22.4).
//!
//! [`ParallelSession`] is driven by an actor: [`ParallelSession::handle`] takes an [`Input`] and returns [`Actions`] in the
//! order they are to be carried out, [`ParallelSession::next_deadline`] says when to tick it. The session holds no money, opens
//! no call and knows no adapter: a [`TargetIx`] is an index into the planner's plan.
//!
//! In the order a session goes through them: `params` and `input` are what it is given, `rules` the session machine as a table,
//! `lane` the lane machine with its reorder buffer, `on_lane`, `retry` and `timers` what happens to lanes, `view` what they amount to,
//! `output` and `provisional` what the client sees before the end, `escalation` what is done about doubt, `ending` the answer
//! and `audit` the record of it.
//!
//! What the client sees: text of a single live lane as it comes. Several lanes are merged, so nothing is shown before the end
//! unless the client agreed to provisional results. Text that went out to a client that takes no revisions is final: the
//! session then belongs to that lane, and is neither escalated nor arbitrated.
//!
//! At the bounds: more than [`MAX_LANES`] lanes are refused; a full reorder buffer pauses its lane; a lane's answer over
//! `max_text_bytes` fails the lane; the deadline ends the session with what there is.

mod action;
mod audit;
mod ending;
mod escalation;
mod input;
mod lane;
mod machine;
mod on_lane;
mod output;
mod params;
mod provisional;
mod retry;
mod rules;
mod timers;
mod view;

#[cfg(test)]
mod tests;

pub use action::{
    Action, Actions, ArbiterInput, CancelReason, Cause, Event, Failure, FinalAnswer, LaneOutcome,
    Provisional, Status, Step, Withheld,
};
pub use audit::{AuditRecord, Decision, LaneRecord};
pub use input::{Call, Chunk, Input, LaneEnd, Piece};
pub use lane::LaneState;
pub use machine::ParallelSession;
pub use params::{
    ArbiterSettings, EscalationPlan, LaneIx, LanePlan, LaneTimers, MAX_ESCALATIONS, MAX_LANES,
    ProvisionalSettings, Retries, SessionIds, SessionParams, TargetIx, Thresholds,
};
pub use rules::{Rule, State};
