//! What nodes say to each other about a call, version 1: the service number of the link is the version.
//!
//! Apart from the types the node works with, so that those may change. Members that a later release adds are ignored; what a
//! release cannot do without is a service number of its own. JSON, because requests hold JSON that is passed on as it came.

mod call;
mod event;
#[cfg(test)]
mod golden;
mod place;

use atp_protocol::adapter::Health;
pub(super) use atp_protocol::error::FaultRecord as Fault;
use atp_protocol::estimate::Estimate;
use serde::{Deserialize, Serialize};

pub(super) use call::Call;
pub(super) use event::Event;
pub(super) use place::{Name, Place};

/// What is asked of a node, first on a stream. The bytes beside it are the client's own body ([`Call`]).
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ask {
    /// What would this cost? Answered by [`Answer::Estimate`].
    Estimate(Box<Call>),
    /// How is it? Answered by [`Answer::Health`].
    Health(Name),
    /// Do this. Answered by [`Answer::Accepted`] and events, of which the last is final. Ending the stream cancels it.
    Stream(Box<Call>),
}

/// What comes back, at any point [`Answer::Fault`] as the last. The bytes beside it are the provider's own ([`Event`]).
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// The adapter has the call.
    Accepted,
    /// It cannot be done, or not go on.
    Fault(Fault),
    /// See [`Ask::Estimate`].
    Estimate(Estimate),
    /// See [`Ask::Health`].
    Health(Health),
    /// Something happened.
    Event(Event),
}
