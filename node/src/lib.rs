//! Node.

pub mod builtin;
pub mod provider;
pub mod secret;
pub mod wire;
