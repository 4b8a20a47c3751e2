//! The providers' protocols as values: bytes in, requests and answers out; no sockets, no clocks.
//!
//! Each protocol is a folder with the same parts: `request` reads a client's body into the canonical
//! [`Content`](atp_protocol::request::Content); `edit` turns a client's body into the one sent upstream without touching
//! what it is not about ([`json`]); `body` writes canonical content as an upstream body, when the client spoke another
//! protocol; `answer` and `stream` write a result for the client; `error` writes a fault.

mod answer;
pub mod anthropic;
mod field;
pub mod json;
pub mod openai;
mod parsed;
mod terms;

pub use answer::Answer;
pub use parsed::Parsed;
pub use terms::Terms;
