//! Every series this node exports, with unit and label values beside its name (atp.md section 27.1).
//!
//! Handles are registered once per node with the recorder it was given, so that two nodes in one process do not share
//! figures and a hot path touches an atomic, never a table. Labels come from enums; those that name a tenant or an adapter
//! are held to [`LABELS_MAX`] values by [`Capped`], and further ones count as `other`. Aliases and figures derived from
//! others are made where figures are rendered, in `node`, and cost nothing before.

mod adapters;
mod answers;
mod capped;
mod flow;
mod groups;
mod held;
mod link;
mod meter;
mod money;
mod names;
mod queue;
mod recent;
mod register;
mod requests;
mod wire;

pub use adapters::{AdapterSeries, Adapters};
pub use answers::Answers;
pub use capped::{Capped, LABELS_MAX};
pub use flow::{Congestion, Flow, Spikes, Windows};
pub use groups::{GossipSeries, GroupSeries, Relays};
pub use held::Held;
pub use link::{LinkSeries, Links};
pub use meter::Meter;
pub use money::{Money, TenantSeries};
pub use names::describe;
pub use queue::{Queue, Standing};
pub use requests::{Outcome, RateScope, Requests};
pub use wire::{Holding, Sent, Wire};
