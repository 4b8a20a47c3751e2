//! Refuses frames that were seen before (atp.md section 14).
//!
//! Bound: [`ReplayConfig::capacity`] nonces; a store full of live ones refuses with `ERATE` rather than forget one.

mod store;

pub use store::{NonceStore, Refusal, ReplayConfig};
