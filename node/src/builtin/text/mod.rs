//! Reading natural language: Markdown to prose, prose to sentences, sentences to terms, and a graph's ranks.
//!
//! What is shared by the summariser and the keyword extractor. Everything is a pure function of the text: no hash order,
//! no floating-point sums over unordered sets.

mod lexicon;
mod prose;
mod rank;
mod sentence;

pub(super) use lexicon::{Lexicon, carries_meaning};
pub(super) use prose::{BlockKind, blocks};
pub(super) use rank::{Edges, page_rank};
pub(super) use sentence::sentences;
