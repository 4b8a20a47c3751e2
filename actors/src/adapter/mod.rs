//! Adapters as the rest of the system sees them.

mod contract;

pub use contract::{
    Adapter, AdapterFactory, Call, Form, LaneEvent, LaneFinal, LaneStream, Metered, Partial, Question,
};
