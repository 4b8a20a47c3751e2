//! The built-in adapters: real algorithms on real input, offline and deterministic (design D11).
//!
//! | Id | Does | Finds its input in |
//! |---|---|---|
//! | `summarizer.local` | picks the sentences that say most | the conversation's text |
//! | `keywords.local` | picks the phrases that name the topic | the conversation's text |
//! | `reviewer.local` | reports defects in a diff or source file | the conversation's text |
//! | `replay.local` | plays a recorded stream with its timing | its recording, else the conversation's text |
//!
//! The first three are [`Task`]s, pure functions from a [`Brief`] to an [`Answer`], behind one adapter that runs them on
//! the [`Cpu`] seam, counts their tokens and streams what they say.
//!
//! **Bounds.** A conversation over [`MAX_TEXT_BYTES`] is refused with `ECONTEXT`. A full CPU queue is `EWINDOW_AGENT`.
//! **Tokens.** One token is four bytes, rounded up, of all text in the request and of all text in the answer.
//! **Estimates.** The router's own stand: to estimate better would be to do the work before anything is held for it.
//! **Demands.** One answer in words, with findings and data beside it: requests for several, for a tool's call or for a format go
//! to others.
//! **Form.** Built-ins have no provider protocol, so a call that asks for bytes to forward is answered as text and data.

mod adapter;
mod keywords;
mod material;
mod replay;
mod reviewer;
#[cfg(test)]
pub(crate) mod sample;
mod summarizer;
mod task;
mod text;

use std::sync::Arc;

use atp_actors::adapter::AdapterFactory;
use atp_actors::cpu::Cpu;
use atp_protocol::adapter::{Capability, UsageMode};
use atp_protocol::ids::AdapterId;
use atp_protocol::request::Demand;

pub use adapter::Builtin;
pub use keywords::Keywords;
pub use material::MAX_TEXT_BYTES;
pub use replay::{Recording, RecordingError, Replay, Sleep};
pub use reviewer::Reviewer;
pub use summarizer::Summarizer;
pub use task::{Answer, Brief, Task};

/// Factories of all built-ins, in the order of the table above.
#[must_use]
pub fn factories(cpu: &Arc<dyn Cpu>, sleep: Sleep) -> Vec<Arc<dyn AdapterFactory>> {
    vec![
        adapter::factory(Summarizer, cpu),
        adapter::factory(Keywords, cpu),
        adapter::factory(Reviewer, cpu),
        Arc::new(Replay::of_requests(sleep)),
    ]
}

/// What the built-in `id` declares: itself as its only model, and its skills.
fn capability(id: &str, skills: &[&str]) -> Capability {
    Capability {
        capabilities: skills.iter().map(|&skill| skill.to_owned()).collect(),
        models: vec![id.to_owned()],
        max_tokens: Some(task::tokens(MAX_TEXT_BYTES)),
        cost_per_token_micros: Some(0.0),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        usage_mode: UsageMode::Cumulative,
        lacks: Demand::ALL.to_vec(),
        ..Capability::new(AdapterId::new(id).expect("ids of built-ins are valid"), "builtin")
    }
}
