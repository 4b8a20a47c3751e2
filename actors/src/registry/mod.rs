//! Keeps policy and adapters, and publishes the FIBs made of them.
//!
//! Receives  `Register`, `Withdraw`, `Report`, `Replace` from adapters and connections; `LoadPolicy` from the operator; its tick
//! Sends     nothing; readers load [`Snapshots`]; an adapter whose name was taken is told
//! When full the mailbox makes senders wait; adapters beyond [`ADAPTERS_MAX`], and a tenant's beyond [`TENANT_MAX`], are
//!           refused
//! Ends      with the node

mod actor;
mod entry;
mod handle;
mod messages;
mod snapshots;
mod spec;
mod tables;

pub use actor::{ADAPTERS_MAX, Registry, TENANT_MAX};
pub use handle::RegistryHandle;
pub use messages::AdapterView;
pub(crate) use messages::{Claim, Report};
pub use snapshots::{Fibs, PolicyInForce, Snapshots};
pub use spec::{AdapterSpec, Attachment, PriceList};

#[cfg(test)]
mod tests;
