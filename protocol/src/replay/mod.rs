//! Refuses frames that were seen before (atp.md section 14).
//!
//! Bound: [`ReplayConfig::capacity`] nonces of a node, a quarter of them of one tenant; a store full of live ones refuses with
//! `ERATE` rather than forget one.

mod store;
mod tenants;

pub use store::{NonceStore, Refusal, ReplayConfig};
pub use tenants::TenantNonces;
