//! Providers over HTTP.

pub mod http;
pub(crate) mod sse;
