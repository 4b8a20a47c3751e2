//! What frames carry (atp.md section 7): types and their names, the members around the content, and typed contents.
//!
//! - [`Kind`]: every type with its canonical name, its aliases and how it travels.
//! - [`Payload`]: the member `payload` with its content still a tree, whichever of the two layouts it came in.
//! - [`Body`]: the content by type. [`Body::read`] checks it; bad content is `EBAD_INPUT` of that one message, and the
//!   stream goes on. Members we do not know are ignored, and `null` means absent.
//!
//! Contents the router sends are the same types the other way: [`Payload::of`].

mod adapter;
mod agent_final;
mod body;
mod budget;
mod dialogue;
mod estimate;
mod failure;
mod heartbeat;
mod kind;
mod lanes;
mod layout;
mod money;
mod read;
mod request;
mod result;
mod resume;
mod route;
mod shape;
mod status;
mod tool;
mod window;

pub use adapter::AdapterHealth;
pub use agent_final::{AgentFinal, UsageReport};
pub use body::Body;
pub use budget::{BudgetOp, BudgetScope, BudgetUpdate};
pub use dialogue::{Answer, Event, Log, LogLevel, Question, RejectionReason};
pub use estimate::{EstimateReply, EstimateRequest};
pub use failure::LaneError;
pub use heartbeat::Heartbeat;
pub use kind::Kind;
pub use lanes::{Dispatch, End, EndStatus, Stats, Stream, Target};
pub use money::CostEst;
pub use request::{Consistency, MAX_TOKENS_DEFAULT, Request};
pub use result::{Agreement, Final, Partial, Provisional, ProvisionalStatus, Reconciled, Telemetry};
pub use resume::{LanePosition, Resume, ResumeAck};
pub use route::{RouteCaps, RouteMetrics, RouteOp, RouteOps, RouteUpdate};
pub use shape::Payload;
pub use status::{Metrics, Status, StatusChange};
pub use tool::{ToolRequest, ToolResult};
pub use window::{Ack, WindowReason, WindowScope, WindowUpdate};

#[cfg(test)]
mod tests;
