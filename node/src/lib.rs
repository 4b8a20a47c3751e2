//! Node.

pub mod builtin;
pub mod provider;
