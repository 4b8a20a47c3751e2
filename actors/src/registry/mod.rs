//! Keeps policy and adapters, and publishes the FIB made of them.
//!
//! Receives  `Register`, `Withdraw`, `Report`, `Replace` from adapters and connections; `LoadPolicy` from the operator; its tick
//! Sends     nothing; readers load [`Snapshots`]
//! When full the mailbox makes senders wait; adapters beyond [`ADAPTERS_MAX`] are refused
//! Ends      with the node

mod actor;
mod handle;
mod messages;
mod snapshots;
mod spec;

pub use actor::{ADAPTERS_MAX, Registry};
pub use handle::RegistryHandle;
pub use messages::AdapterView;
pub(crate) use messages::Report;
pub use snapshots::{PolicyInForce, Snapshots};
pub use spec::{AdapterSpec, Attachment, PriceList};
