//! Node.

pub mod auth;
pub mod builtin;
pub mod config;
pub mod environment;
pub mod provider;
pub mod secret;
pub mod server;
