//! What all nodes agree on and rarely changes: keys, policy, accounts, settings. Changes are proposed to the cluster's `meta` group and come
//! into force at each node as it applies them; readers see immutable snapshots.

mod accounts;
mod drain;
mod earlier;
mod follow;
mod keys;
mod policy;
mod settings;
mod state;
mod status;

pub(crate) use earlier::Earlier;
pub use policy::PolicyError;
pub(crate) use settings::Setting;
pub use state::Meta;
pub use status::Status;
