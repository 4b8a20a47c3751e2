//! Adapters: the trait they stand behind, their shared condition, and the actor that decides it.

mod actor;
mod contract;
mod endpoint;
mod hearsay;
mod live;
mod name;
mod pass;
mod polls;
mod recent;
mod reports;
mod room;
mod tally;
mod turns;

pub use actor::Watch;
pub(crate) use actor::{AdapterActor, AskProbe, Congested, Heard, Said};
pub use contract::{
    Adapter, AdapterFactory, Call, Form, LaneEvent, LaneFinal, LaneStream, Metered, Partial, Question,
};
pub use endpoint::{Directory, Endpoint};
pub use hearsay::{Hearsay, Silence};
pub use live::{Gate, Live, Past};
pub use name::AdapterName;
pub(crate) use pass::Pass;
pub(crate) use reports::{Finished, Reports};
pub use room::Place;
pub(crate) use room::full;
pub use turns::Burst;
pub(crate) use turns::Turn;
