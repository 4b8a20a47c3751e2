//! Providers over HTTP: OpenAI-compatible servers and Anthropic (atp.md section 22, design sections 5 and 7).
//!
//! In the order a call passes through: [`settings`] is what the operator says; [`openai`] and [`anthropic`] turn a call
//! into a request and say how the answer is taken; `adapter` drives both; `endpoint` sends, over [`http`]'s pool;
//! `terms` says what the body asks for; `feed` reads within time bounds; `run` cuts the bytes into events by `sse` and forwards or reads them; `refusal` turns
//! failures into faults, `retry_after` reads how long to wait; `tool_calls` gathers what comes in deltas; `count` counts output
//! that nobody reports; [`drain`] reads what nobody waits for any more.
//!
//! Bounds: see [`settings::Waits`] and [`settings::Limits`]; each names what happens there.

mod adapter;
pub mod anthropic;
mod count;
pub mod drain;
mod endpoint;
mod feed;
pub mod http;
pub mod openai;
mod refusal;
mod retry_after;
mod run;
pub mod settings;
mod sse;
mod terms;
#[cfg(test)]
mod testing;
mod tool_calls;

pub use endpoint::UnixClock;
