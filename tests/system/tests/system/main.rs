//! Tests of whole nodes over their public surfaces: a real process on loopback, a provider behind it that keeps books
//! or records what it was sent, clients before it. `fixture` has all three; each other module is one area.
//!
//! Nothing here knows the inside of a node. Every wait is for a condition, with a deadline that says what it was.

mod adapters;
mod anthropic;
mod audit;
mod backpressure;
mod budget;
mod certificates;
mod chaos;
mod check;
mod clients;
mod cluster;
mod ctl;
mod drain;
mod fanout;
mod fixture;
mod hostile;
mod multiplexed;
mod openai;
mod telemetry;
